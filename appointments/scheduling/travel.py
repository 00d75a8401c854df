"""How long a patient travels to a site, estimated from coordinates.

``settings.TRAVEL_TIME`` may name another function of ``travel_minutes``' shape, such as a client
of a routing service.
"""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Point = tuple[float, float]
"""Latitude and longitude, degrees."""

EARTH_KM = 6371.0088  # mean radius, IUGG
ROAD_FACTOR = 1.35  # roads are longer than the straight line; Ballou et al. 2002, 1.2 to 1.5
TOWN_KM_PER_HOUR = 30.0
COUNTRY_KM_PER_HOUR = 60.0
TOWN_KM = 10.0
DOOR_MINUTES = 5.0
RUSH_FACTORS = ((7, 9, 1.4), (16, 18, 1.35))
"""From local hour, to local hour, how much longer the journey takes; working days only."""


def distance_km(a: Point, b: Point) -> float:
    """Along the great circle (haversine)."""
    (lat_a, lon_a), (lat_b, lon_b) = (map(math.radians, point) for point in (a, b))
    half = (
        math.sin((lat_b - lat_a) / 2) ** 2
        + math.cos(lat_a) * math.cos(lat_b) * math.sin((lon_b - lon_a) / 2) ** 2
    )
    return 2 * EARTH_KM * math.asin(min(1.0, math.sqrt(half)))


def quiet_minutes(a: Point, b: Point) -> float:
    """Door to door outside the rush: the first 10 km at town speed, the rest faster."""
    road = distance_km(a, b) * ROAD_FACTOR
    town = min(road, TOWN_KM)
    hours = town / TOWN_KM_PER_HOUR + (road - town) / COUNTRY_KM_PER_HOUR
    return DOOR_MINUTES + 60 * hours


def rush_factor(hours: NDArray[np.float64], weekdays: NDArray[np.int64]) -> NDArray[np.float64]:
    """
    Args:
        hours: local time of day, such as 8.5.
        weekdays: Monday = 0.
    """
    factor = np.ones(len(hours))
    for opens, closes, times in RUSH_FACTORS:
        factor[(hours >= opens) & (hours < closes) & (weekdays < 5)] = times
    return factor


def travel_minutes(
    home: Point, sites: Sequence[Point], *, hours: NDArray, weekdays: NDArray, which: NDArray
) -> NDArray[np.float64]:
    """Minutes to arrive at each of n slots.

    Args:
        sites: where slots are; ``which`` gives each slot's row in it.
        hours, weekdays: local time of the slots.
    """
    quiet = np.array([quiet_minutes(home, site) for site in sites])
    return quiet[which] * rush_factor(hours, weekdays)
