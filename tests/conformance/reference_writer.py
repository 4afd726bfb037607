"""Makes the reference server write until it is stopped: each login is a row of its audit.

Reads SERVER_PORT, SERVER_CA (file), SERVER_USERNAME and SERVER_PASSWORD from the environment, as the suite gives them
to any writer.
"""

from __future__ import annotations

import http.client
import json
import os
import ssl


def main() -> None:
    """Log in and out for ever."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(os.environ["SERVER_CA"])
    port = int(os.environ["SERVER_PORT"])
    body = json.dumps(
        {
            "username": os.environ["SERVER_USERNAME"],
            "password": os.environ["SERVER_PASSWORD"],
            "mode": "administratif",
        }
    )
    connection = http.client.HTTPSConnection("localhost", port, context=context, timeout=30)
    while True:
        answer = _post(connection, "/client/v1/login", body, {"content-type": "application/json"})
        _post(connection, "/client/v1/logout", "", {"authorization": f"Bearer {json.loads(answer)['session']}"})


def _post(connection: http.client.HTTPConnection, path: str, body: str, headers: dict[str, str]) -> bytes:
    connection.request("POST", path, body=body, headers=headers)
    return connection.getresponse().read()


if __name__ == "__main__":
    main()
