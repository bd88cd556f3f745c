"""The campaigns that bring people to the shop, by the partner that runs them."""

from __future__ import annotations

FACEBOOK = (
    *("Spring Sale", "Brand Über", "Kitchen Week", "Retargeting DE", "Retargeting FR", "Été Collection"),
    *("New Customers", "App Install", "Back to School", "Garden Days", "Lookalike ES", "Wyprzedaż"),
)
GOOGLE = (
    *("Search Brand", "Search Generic DE", "Shopping All", "Shopping Küche", "Performance Max", "Display FR"),
    *("Search Generic PL", "YouTube Spring"),
)
BRAZE = ("Welcome", "Abandoned Cart", "Newsletter", "Win Back", "Geburtstag", "VIP Preview")

IDS = (
    *(f"C{1001 + n}" for n in range(len(FACEBOOK))),
    *(f"G{2001 + n}" for n in range(len(GOOGLE))),
    *(f"B{3001 + n}" for n in range(len(BRAZE))),
)
NAMES = (*FACEBOOK, *GOOGLE, *BRAZE)
SOURCES = (*(("facebook", "paid_social"),) * len(FACEBOOK), *(("google", "cpc"),) * len(GOOGLE))
SOURCES = (*SOURCES, *(("braze", "email"),) * len(BRAZE))
