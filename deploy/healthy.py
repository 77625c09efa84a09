"""Whether the server in this container is ready: exit 0 or 1, for Docker's HEALTHCHECK."""

import os
import sys
import urllib.request

port = os.environ.get("SERVE_PORT", "8000")
straight = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # whatever proxy is set
try:
    with straight.open(f"http://127.0.0.1:{port}/health/ready", timeout=3) as answer:
        print(answer.read().decode())
except OSError as error:  # refused, too late, or a 503
    sys.exit(f"not ready: {error}")
