"""Proofs: simulated clinics in which the product's own arithmetic meets the usual ways.

They show how a method behaves under stated assumptions; they prove nothing about a hospital.
"""
