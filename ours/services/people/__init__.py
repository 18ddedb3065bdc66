"""People who sign in to the dashboard: who they are, what they may, and how they prove that it is they."""

from ours.services.people.person import ROLES, HalfWay, Person
from ours.services.people.second_factors import SecondFactors, TooManyCodes, wrong_code
from ours.services.people.service import FIRST_EMAIL, People

__all__ = ["FIRST_EMAIL", "ROLES", "HalfWay", "People", "Person", "SecondFactors", "TooManyCodes", "wrong_code"]
