"""Forget one user of a bundle: the personal part is written anew without the row."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from reccore.bundle.bundle import Bundle
from reccore.bundle.golden import rows_of
from reccore.bundle.manifest import Manifest, entry
from reccore.bundle.write import People, write_json, write_people
from reccore.data.dataset import Bags, Table
from reccore.data.ids import ExternalId, IdMap
from reccore.data.interactions import Histories
from reccore.errors import UserError


def forget(bundle: Bundle, user: ExternalId) -> Manifest:
    """A new generation without the user; the files of the old one are deleted once it stands."""
    if bundle.users is None:
        raise UserError(f"{bundle.folder} holds no users", "there is nobody to forget")
    gone, before = bundle.users.ids.code(user, "user"), bundle.manifest
    kept = np.delete(np.arange(len(bundle.users)), gone)
    people = People(_take(bundle.users, kept), bundle.seen.take(kept))
    arrays = {name: np.asarray(table)[kept] for name, table in bundle.scorer.parts.users.items()}
    number = before.generation + 1
    part, golden = f"users-{number}", f"golden-{number}.json"
    write_people(bundle.folder / part, people, arrays)
    write_json(bundle.folder / golden, [row for row in rows_of(bundle) if not _names(row, user)])
    written = [*sorted((bundle.folder / part).iterdir()), bundle.folder / golden]
    listed = {path.relative_to(bundle.folder).as_posix(): entry(path) for path in written}
    old = [name for name in before.files if name.startswith(f"{before['users']}/")]
    old.append(before["golden"])
    kept_files = {name: facts for name, facts in before.files.items() if name not in old}
    after = before.next(users=part, golden=golden, files={**kept_files, **listed})
    after.write(bundle.folder)
    for name in old:
        (bundle.folder / name).unlink()
    (bundle.folder / before["users"]).rmdir()
    return after


def _names(row: Mapping[str, Any], user: ExternalId) -> bool:
    """Whether a golden request is the user's."""
    return str(row["request"].get("user")) == str(user)


def _take(table: Table, rows: "np.ndarray[tuple[int], np.dtype[np.int64]]") -> Table:
    features = {}
    for name, bags in table.features.items():
        words = Histories(bags.offsets, bags.words).take(rows)
        features[name] = Bags(bags.vocabulary, words.offsets, words.items)
    titles = None if table.titles is None else tuple(table.titles[row] for row in rows)
    return Table(IdMap(table.ids.ids.gather(rows)), titles, features)
