"""Draw the passwords that compose.yaml needs into deploy/secrets/; what is there already stays.

The folder is its owner's alone. The files in it can be read by anybody who is let in, because each
container runs as somebody else. API keys are not here: `cinesync keys` makes those.
"""

import secrets
import sys
from pathlib import Path

SERVE = """\
# Settings of the replicas, made by make_secrets.py: it holds passwords. docs/serve.md lists all.
host = "0.0.0.0"
keys = "/keys/keys.toml"
drain_s = 5.0

[cache]
redis_url = "redis://:{redis}@redis:6379/0"

[feedback]
url = "postgresql://cinesync:{postgres}@postgres:5432/cinesync"
spool = "/data/spool"

[limits]
per_second = 50.0
burst = 200
redis_url = "redis://:{redis}@redis:6379/0"
"""
REDIS = """\
requirepass {redis}
maxmemory 256mb
maxmemory-policy allkeys-lru
save ""
appendonly no
"""


def make(folder: Path) -> bool:
    """False where they are there already, whole."""
    drawn = {name: secrets.token_urlsafe(32) for name in ("redis", "postgres", "grafana")}
    files = {
        "serve.toml": SERVE.format(**drawn),
        "redis.conf": REDIS.format(**drawn),
        "postgres_password": drawn["postgres"],
        "grafana_password": drawn["grafana"],
    }
    there = [name for name in files if (folder / name).exists()]
    if len(there) == len(files):
        return False
    if there:
        sys.exit(f"{folder} holds only {', '.join(there)}: restore the others, or remove all")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)
    for name, text in files.items():
        (folder / name).write_text(text, encoding="utf-8")
        (folder / name).chmod(0o444)
    return True


if __name__ == "__main__":
    home = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "secrets"
    print(f"{home}: made" if make(home) else f"{home}: there already, nothing changed")
