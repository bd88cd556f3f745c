"""A source connector of Airbyte's kind: things of a JSON file, told in the words of the protocol.

Run by itself (it imports nothing of ours): ``connector.py spec|check|discover|read --config … --catalog … --state …``.
"""

import json
import sys
from datetime import datetime, timedelta
from pathlib import Path

PAGE = 3
STREAM = "things"


def write(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def say(kind: str, **content: object) -> None:
    write(json.dumps({"type": kind, **content}))


def main(command: str, *options: str) -> int:
    given = {
        name[2:]: json.loads(Path(file).read_text()) for name, file in zip(options[::2], options[1::2], strict=True)
    }
    write("a library that prints")
    if command == "spec":
        say("SPEC", spec={"connectionSpecification": {"type": "object"}})
        return 0
    config = given["config"]
    if config["key"] != "right":
        error = {"message": f"{config['key']} is wrong", "failure_type": "config_error"}
        say("TRACE", trace={"type": "ERROR", "emitted_at": 0, "error": error})
        return 1
    if command == "discover":
        modes = ["full_refresh", "incremental"]
        stream = {"name": STREAM, "json_schema": {"type": "object"}, "supported_sync_modes": modes}
        say("CATALOG", catalog={"streams": [{"name": "others", **{**stream, "name": "others"}}, stream]})
        return 0
    return read(Path(config["store"]), given)


def read(path: Path, given: dict) -> int:
    store = json.loads(path.read_text())
    (asked,) = given["catalog"]["streams"]
    state = given.get("state", [])
    after = state[0]["stream"]["stream_state"]["at"] if state and asked["sync_mode"] == "incremental" else None
    since = datetime.fromisoformat(after) - timedelta(minutes=10) if after else None
    found = [t for t in store["things"].values() if since is None or datetime.fromisoformat(t["at"]) >= since]
    found.sort(key=lambda thing: datetime.fromisoformat(thing["at"]))
    status("STARTED")
    for line in store["spoiled"]:
        write(line)
    for number, start in enumerate(range(0, len(found), PAGE), start=1):
        if store["break_at"] and number >= store["break_at"]:
            return 1
        again = number == 2 and store["repeat"]
        for thing in found[start - PAGE if again else start : start + PAGE]:
            say("RECORD", record={"stream": STREAM, "data": thing, "emitted_at": 0})
        told(max([after, found[start]["at"]] if after else [found[start]["at"]]))
    if found and store["final_state"]:
        told(min(found[-1]["at"], store["now"]))
    status("COMPLETE")
    return 0


def told(at: str) -> None:
    stream = {"stream_descriptor": {"name": STREAM}, "stream_state": {"at": at}}
    say("STATE", state={"type": "STREAM", "stream": stream})


def status(status: str) -> None:
    told = {"stream_descriptor": {"name": STREAM}, "status": status}
    say("TRACE", trace={"type": "STREAM_STATUS", "emitted_at": 0, "stream_status": told})


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
