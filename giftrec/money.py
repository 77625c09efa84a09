"""Money in minor units with an ISO currency: amounts of two currencies never meet by accident."""

import re
from collections.abc import Mapping
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation

from pydantic import BaseModel, ConfigDict, Field

from reccore.errors import UserError

NO_MINOR_UNIT = {"BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND"}
THREE_DIGITS = {"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"}
WRITTEN = re.compile(
    r"^\s*(?P<amount>[-+]?[0-9][0-9_]*(\.[0-9]+)?)\s*(?P<currency>[A-Za-z]{3})?\s*$"
)


def digits(currency: str) -> int:
    """Decimal digits of a currency's minor unit (ISO 4217)."""
    return 0 if currency in NO_MINOR_UNIT else 3 if currency in THREE_DIGITS else 2


class Money(BaseModel):
    """An amount, e.g. 6000 minor units of EUR: 60.00 EUR."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    minor: int = Field(description="in minor units (cents)")
    currency: str = Field(pattern="^[A-Z]{3}$", description="ISO 4217 code")

    @classmethod
    def parse(cls, text: str, what: str = "amount") -> "Money":
        """`60EUR`, `59.90 eur`; a missing currency is refused, never guessed."""
        match = WRITTEN.match(text)
        if match is None:
            raise UserError(f"{what} {text!r} is not an amount of money", "e.g. 60EUR")
        if match["currency"] is None:
            raise UserError(f"{what} {text!r} has no currency", f"e.g. {text.strip()}EUR")
        currency = match["currency"].upper()
        try:
            scaled = Decimal(match["amount"].replace("_", "")) * 10 ** digits(currency)
        except InvalidOperation:
            raise UserError(f"{what} {text!r} is not an amount of money", "e.g. 60EUR") from None
        if scaled != scaled.to_integral_value():
            raise UserError(
                f"{what} {text!r} has more decimals than {currency}",
                f"{currency} has {digits(currency)}",
            )
        if abs(scaled) > 10**12:
            raise UserError(f"{what} {text!r} is beyond any gift", "e.g. 60EUR")
        return cls(minor=int(scaled), currency=currency)

    def __str__(self) -> str:
        places = digits(self.currency)
        return f"{Decimal(self.minor).scaleb(-places):.{places}f} {self.currency}"


class RateTable(BaseModel):
    """Dated exchange rates: units of `base` for one unit of each other currency."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    on: date
    base: str = Field(pattern="^[A-Z]{3}$")
    rates: Mapping[str, float]

    def convert(self, money: Money, currency: str) -> Money:
        """The same value in another currency, rounded half to even."""
        if money.currency == currency:
            return money
        there, here = (Decimal(repr(self._rate(c))) for c in (money.currency, currency))
        scale = Decimal(10) ** (digits(currency) - digits(money.currency))
        minor = (money.minor * there * scale / here).to_integral_value(ROUND_HALF_EVEN)
        return Money(minor=int(minor), currency=currency)

    def _rate(self, currency: str) -> float:
        if currency == self.base:
            return 1.0
        rate = self.rates.get(currency)
        if rate is None or rate <= 0:
            raise UserError(
                f"no exchange rate for {currency} in the table of {self.on}",
                "known: " + ", ".join(sorted({self.base, *self.rates})),
            )
        return rate


def in_currency(money: Money, currency: str, rates: RateTable | None) -> Money:
    """`money` in `currency`; without a rate table, mixed currencies are refused."""
    if money.currency == currency:
        return money
    if rates is None:
        raise UserError(
            f"{money} does not match prices in {currency}",
            "give amounts in one currency, or a dated rate table (--rates)",
        )
    return rates.convert(money, currency)
