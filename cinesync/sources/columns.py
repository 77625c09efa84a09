"""One column at a time: whatever a file holds becomes checked ids, values, times or ranks.

An error names the column, the value, the row (counted from 1, the header not counted) and the
remedy.
"""

import polars as pl

from reccore.errors import UserError

MILLISECONDS_FROM = 10**11  # as seconds this is the year 5138, as milliseconds 1973


def ids(column: pl.Series, where: str) -> pl.Series:
    """Integers where every id is one, written plainly; otherwise text ('007' stays '007')."""
    _refuse(column, column.is_null(), where, "is empty", "remove the row, or map another column")
    if column.dtype.is_integer():
        return _exactly(column, pl.Int64, where)
    if column.dtype.is_float():
        whole = column.cast(pl.Int64, strict=False)
        _refuse(column, (whole != column).fill_null(True), where, "is not an id", "use whole ids")
        return whole
    if column.dtype not in (pl.String, pl.Categorical, pl.Enum):
        raise UserError(f"{where} holds {column.dtype}, not ids", "ids are whole numbers or text")
    text = column.cast(pl.String).str.strip_chars()
    _refuse(column, text == "", where, "is empty", "remove the row, or map another column")
    numbers = text.cast(pl.Int64, strict=False)
    return numbers if bool((numbers.cast(pl.String) == text).fill_null(False).all()) else text


def values(column: pl.Series, where: str) -> pl.Series:
    """Finite numbers: ratings, counts, weights."""
    numbers = _numbers(column, where)
    bad = ~numbers.is_finite()
    _refuse(column, bad, where, "is not finite", "remove the row, or leave the value out of --map")
    return numbers.cast(pl.Float32)


def ranks(column: pl.Series, where: str) -> pl.Series:
    """Whole numbers that order a user's rows."""
    if column.dtype.is_integer():
        return _exactly(column, pl.Int64, where)
    numbers = _numbers(column, where)
    whole = numbers.cast(pl.Int64, strict=False)
    odd = (whole != numbers).fill_null(True)
    _refuse(column, odd, where, "is not a whole number", "map order to a column of positions")
    return whole


def times(column: pl.Series, where: str) -> pl.Series:
    """Seconds since 1970. Dates and ISO 8601 text count as UTC where they name no zone.

    Numbers are seconds; a column entirely above 1e11 is milliseconds and is divided.
    """
    if column.dtype.is_temporal() and column.dtype not in (pl.Time, pl.Duration):
        _refuse(column, column.is_null(), where, "is empty", "remove the row")
        return column.dt.epoch("s")
    if column.dtype == pl.String:
        text = column.str.strip_chars()
        numbers = text.cast(pl.Float64, strict=False)
        if numbers.null_count() == len(numbers):
            moments = text.str.to_datetime(strict=False, time_zone="UTC")
            remedy = "seconds since 1970, or ISO 8601 such as 2024-05-31T20:15:00"
            _refuse(column, moments.is_null(), where, "is not a time", remedy)
            return moments.dt.epoch("s")
    numbers = _numbers(column, where)
    _refuse(column, ~numbers.is_finite(), where, "is not finite", "remove the row")
    late = numbers > MILLISECONDS_FROM
    if not late.any():
        return numbers.floor().cast(pl.Int64)
    early = numbers <= MILLISECONDS_FROM
    _refuse(column, early, where, "is in seconds, others are in milliseconds", "use one unit")
    return (numbers / 1000).floor().cast(pl.Int64)


def _numbers(column: pl.Series, where: str) -> pl.Series:
    missing = column.is_null()
    _refuse(column, missing, where, "is empty", "remove the row, or leave the column out of --map")
    if column.dtype.is_numeric() or column.dtype == pl.Boolean:
        return column.cast(pl.Float64)
    if column.dtype != pl.String:
        raise UserError(f"{where} holds {column.dtype}, not numbers", "map a column of numbers")
    numbers = column.str.strip_chars().cast(pl.Float64, strict=False)
    _refuse(column, numbers.is_null(), where, "is not a number", "correct or remove the row")
    return numbers


def _exactly(column: pl.Series, dtype: type[pl.Int64], where: str) -> pl.Series:
    same = column.cast(dtype, strict=False)
    _refuse(column, same.is_null(), where, "is empty or too large", "remove the row")
    return same


def _refuse(column: pl.Series, bad: pl.Series, where: str, problem: str, remedy: str) -> None:
    count = int(bad.sum())
    if count:
        row = int(bad.arg_true()[0])
        more = f" (and {count - 1} more)" if count > 1 else ""
        raise UserError(f"{where}: {column[row]!r} in row {row + 1} {problem}{more}", remedy)
