"""American English: 9:40 AM, Tuesday, March 24."""

TIME_FORMAT = "g:i A"
DATE_FORMAT = "M j, Y"
SHORT_DATE_FORMAT = "m/d/Y"
MONTH_DAY_FORMAT = "l, F j"
DATETIME_FORMAT = "M j, Y, g:i A"
SHORT_DATETIME_FORMAT = "m/d/Y g:i A"
FIRST_DAY_OF_WEEK = 0
