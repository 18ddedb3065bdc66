"""The states of the United States by name, for vendors that know them by their two letters alone."""

_WRITTEN = """
    al alabama ak alaska az arizona ar arkansas ca california co colorado ct connecticut de delaware
    dc districtofcolumbia fl florida ga georgia hi hawaii id idaho il illinois in indiana ia iowa ks kansas
    ky kentucky la louisiana me maine md maryland ma massachusetts mi michigan mn minnesota ms mississippi
    mo missouri mt montana ne nebraska nv nevada nh newhampshire nj newjersey nm newmexico ny newyork
    nc northcarolina nd northdakota oh ohio ok oklahoma or oregon pa pennsylvania ri rhodeisland sc southcarolina
    sd southdakota tn tennessee tx texas ut utah vt vermont va virginia wa washington wv westvirginia
    wi wisconsin wy wyoming
"""
_CODES, _NAMES = _WRITTEN.split()[::2], _WRITTEN.split()[1::2]
STATES = dict(zip(_NAMES, _CODES, strict=True))
"""``"newyork"`` → ``"ny"``."""
