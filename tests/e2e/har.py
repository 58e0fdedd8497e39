# SPDX-License-Identifier: Apache-2.0
"""Is a document an HTTP Archive 1.2? Every rule of the format that the writer could break, as sentences."""
import base64
import re

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")


def faults(document):
    """What is wrong with it; empty: nothing."""
    found = []

    def need(value, where, /, **members):
        for name, kind in members.items():
            if not isinstance(value, dict) or name not in value:
                found.append(f"{where} has no {name}")
            elif not isinstance(value[name], kind) or (isinstance(value[name], bool) and kind is not bool):
                found.append(f"{where}.{name} is {type(value[name]).__name__}")
        if isinstance(value, dict):
            found.extend(f"{where}.{name} is not of the format" for name in value
                         if name not in members and name not in OPTIONAL and not name.startswith("_"))

    def pairs(values, where):
        for index, pair in enumerate(values):
            need(pair, f"{where}[{index}]", name=str, value=str)

    need(document, "document", log=dict)
    if found:
        return found
    log = document["log"]
    need(log, "log", version=str, creator=dict, entries=list)
    if found:
        return found
    if log["version"] != "1.2":
        found.append(f"version {log['version']}")
    need(log["creator"], "creator", name=str, version=str)
    for index, entry in enumerate(log["entries"]):
        where = f"entries[{index}]"
        need(entry, where, startedDateTime=str, time=(int, float), request=dict, response=dict, cache=dict, timings=dict)
        if found:
            return found
        if not TIME.match(entry["startedDateTime"]):
            found.append(f"{where}.startedDateTime is no ISO 8601 time: {entry['startedDateTime']}")
        request, response = entry["request"], entry["response"]
        need(request, f"{where}.request", method=str, url=str, httpVersion=str, cookies=list, headers=list, queryString=list,
             headersSize=int, bodySize=int)
        need(response, f"{where}.response", status=int, statusText=str, httpVersion=str, cookies=list, headers=list, content=dict,
             redirectURL=str, headersSize=int, bodySize=int)
        need(response.get("content", {}), f"{where}.response.content", size=int, mimeType=str)
        need(entry["timings"], f"{where}.timings", send=(int, float), wait=(int, float), receive=(int, float))
        if found:
            return found
        if not re.match(r"^https?://[^/]+", request["url"]):
            found.append(f"{where}.request.url is not absolute: {request['url']}")
        pairs(request["headers"], f"{where}.request.headers")
        pairs(request["queryString"], f"{where}.request.queryString")
        pairs(response["headers"], f"{where}.response.headers")
        if "postData" in request:
            need(request["postData"], f"{where}.request.postData", mimeType=str, params=list, text=str)
        timings = entry["timings"]
        if entry["time"] != sum(value for value in timings.values() if value > 0):
            found.append(f"{where}.time is not the sum of its timings")
        content = response["content"]
        if content.get("encoding") == "base64":
            base64.b64decode(content["text"], validate=True)
    started = [entry["startedDateTime"] for entry in log["entries"]]
    if started != sorted(started):
        found.append("entries are not in the order of their times")
    return found


OPTIONAL = {"comment", "text", "encoding", "postData", "pages", "browser", "pageref", "serverIPAddress", "connection", "compression", "params"}


def broken(document):
    """Variants of a good document, each with one fault: the judge must see all of them."""
    import copy

    def variant(change):
        other = copy.deepcopy(document)
        change(other)
        return other
    entry = (lambda other: other["log"]["entries"][0])
    return [
        variant(lambda other: other["log"].update(version="1.3")),
        variant(lambda other: other["log"].pop("creator")),
        variant(lambda other: entry(other).update(startedDateTime="yesterday")),
        variant(lambda other: entry(other).update(time="5")),
        variant(lambda other: entry(other).update(time=entry(other)["time"] + 1)),
        variant(lambda other: entry(other)["request"].update(url="/gateway.do")),
        variant(lambda other: entry(other)["request"].pop("headersSize")),
        variant(lambda other: entry(other)["response"].update(status="200")),
        variant(lambda other: entry(other)["response"]["content"].pop("mimeType")),
        variant(lambda other: entry(other)["request"].update(verb="POST")),
    ]
