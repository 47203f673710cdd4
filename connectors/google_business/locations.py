"""The locations of a business as Google names them, and as the owner does."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from pydantic import BaseModel, Field, ValidationError

from connectors.markup import tidy

#: What is asked for of each location.
FIELDS = "name,title,storeCode,storefrontAddress,metadata"


class Location(NamedTuple):
    """A location whose reviews are read.

    `name` is Google's, with its account's; `place` the owner's, or its title;
    `account` is who answers there, as people see it; `url` where they do.
    """

    name: str
    place: str
    account: str
    url: str


class Address(BaseModel):
    """Where a location is, as far as it tells."""

    lines: list[str] = Field(default_factory=list, alias="addressLines", max_length=50)
    town: str = Field(default="", alias="locality", max_length=200)


class Metadata(BaseModel):
    """What Google knows of a location."""

    url: str = Field(default="", alias="mapsUri", max_length=2000)


class Listed(BaseModel):
    """A location in Google's list."""

    name: str = Field(pattern=r"^locations/[\w-]+$", max_length=200)
    title: str = Field(default="", max_length=500)
    code: str = Field(default="", alias="storeCode", max_length=200)
    address: Address = Field(default=Address(), alias="storefrontAddress")
    metadata: Metadata = Metadata()

    @property
    def street(self) -> str:
        """The first line of its address, or its town."""
        return tidy(next(iter(self.address.lines), "") or self.address.town)

    @property
    def label(self) -> str:
        """What people see, such as "Crumb & Co., Main Street 12"."""
        title = tidy(self.title) or self.name
        return f"{title}, {self.street}" if self.street and self.street not in title else title

    @property
    def names(self) -> set[str]:
        """Everything that an owner may call it by, in small letters."""
        known = {self.name, self.name.removeprefix("locations/"), self.code, tidy(self.title), self.street, self.label}
        return {name.casefold() for name in known if name}


def parse_accounts(items: Iterable[Any]) -> list[str]:
    """The names of accounts ("accounts/111"); those that cannot be read are left out."""
    names = [each.get("name") if isinstance(each, dict) else None for each in items]
    return [name for name in names if isinstance(name, str) and name.removeprefix("accounts/").isalnum()]


def parse_locations(items: Iterable[Any]) -> list[Listed]:
    """The locations in a list; those that cannot be read are left out."""
    found = []
    for each in items:
        try:
            found.append(Listed.model_validate(each))
        except ValidationError:
            continue
    return found


def choose(found: Mapping[str, Listed], wanted: Mapping[str, str]) -> list[Location]:
    """The locations to read, of those found by their full names; `wanted` goes from places to Google's names.

    Raises:
        ValueError: a wanted one is not there, or several are called so; in words.
    """
    if not wanted:
        return [_location(name, each, tidy(each.title)) for name, each in sorted(found.items())]
    chosen = []
    for place, called in wanted.items():
        alike = [(name, each) for name, each in found.items() if called.casefold() in each.names]
        if len(alike) != 1:
            count = "no location" if not alike else f"{len(alike)} locations"
            raise ValueError(f'{count} called "{called}"; there are {_listed(list(found.values()))}')
        chosen.append(_location(*alike[0], place))
    return chosen


def _location(name: str, listed: Listed, place: str) -> Location:
    return Location(name, place, listed.label, listed.metadata.url)


def _listed(found: Sequence[Listed]) -> str:
    names = [f"“{each.label}” ({each.name.removeprefix('locations/')})" for each in found[:20]]
    return ", ".join(names) + (", and more" if len(found) > 20 else "")
