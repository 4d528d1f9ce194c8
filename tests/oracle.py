#!/usr/bin/env python3
"""Answers the ten questions a second time, in plain Python, so that pinsql's answers can be compared with something
that shares nothing with them: no SQL, no Arrow, no code of ours. Slow and plain on purpose.

  oracle.py BUCKET_DIR --question top_category [--cleaning strict|keep]   one answer, as CSV
  oracle.py BUCKET_DIR --all OUT_DIR                                      OUT_DIR/<cleaning>/<question>.csv, all of them
  oracle.py BUCKET_DIR --rejects                                          the lines that are no record
  oracle.py BUCKET_DIR --counts                                           objects, rows, rejects, others left alone

BUCKET_DIR is what holds `topics/`. The rules are those of sql/ and testdata/README.md, written down once more.
"""
import argparse, collections, gzip, json, math, os, pathlib, re, statistics, sys, zlib
from datetime import datetime, timedelta, timezone
from decimal import Decimal, InvalidOperation

# ---- The bucket: objects, lines, records ---------------------------------------------------------------------------

OBJECT = re.compile(r"(?P<topic>.+)\+(?P<partition>[0-9]+)\+(?P<offset>[0-9]+)\.json(?P<gz>\.gz)?")
DEPTH_MAX = 128


class Reject(Exception):
    """This line is no record of its topic."""


class Number(str):
    """A JSON number as it was written: read as text, nothing is lost."""


def objects(bucket, kind):
    """(topic, partition, offset, path) of every object of the topics named *.kind; None for a file left alone."""
    for top in sorted(pathlib.Path(bucket, "topics").glob(f"*.{kind}")):
        for folder, _, names in os.walk(top):
            for name in names:
                match, path = OBJECT.fullmatch(name), pathlib.Path(folder, name)
                if not match or match["topic"] != top.name or "tombstone" in path.relative_to(top).parts[:-1]:
                    yield None
                else:
                    yield top.name, int(match["partition"]), int(match["offset"]), path


def lines(path):
    """(number of the line, from 1; its place among the lines that are not blank, from 0; its bytes).

    An object with nothing in it, or one that cannot be unpacked, is one line, and that is no record."""
    body = path.read_bytes()
    if path.suffix == ".gz":
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error):
            body = b""
    place = 0
    for number, line in enumerate(body.removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if line.strip(b" \t\r"):
            yield number, place, line
            place += 1
    if place == 0:
        yield 1, 0, b""


def no_constant(text):
    raise Reject(f"{text} is no JSON")


def strict_json(line):
    """The value of a line that is exactly one JSON text: UTF-8, no NaN, no lone surrogates, not too deep."""
    try:
        value = json.loads(line.decode("utf-8"), parse_int=Number, parse_float=Number, parse_constant=no_constant)
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise Reject(str(error)) from None
    level, depth = [value], 0
    while level := [v for v in level if isinstance(v, (dict, list))]:
        depth += 1
        if depth > DEPTH_MAX:
            raise Reject("too deep")
        level = [inner for v in level for inner in (v.values() if isinstance(v, dict) else v)]
    return value


def text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return str(value)
    raise Reject("an object or array where text belongs")


def integer(value):
    if isinstance(value, Number) or isinstance(value, str) and re.fullmatch("[+-]?[0-9]+", value):
        try:
            exact = Decimal(value)
        except InvalidOperation:
            raise Reject("an exponent out of all reason") from None
        if -2**63 <= exact < 2**63 and exact == int(exact):
            return int(exact)
    raise Reject("no 64-bit integer")


def double(value):
    if isinstance(value, str) and re.fullmatch(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?", value):
        if math.isfinite(float(value)):
            return float(value)
    raise Reject("no number")


COLUMNS = {
    "pin": {"index": integer, "unique_id": text, "title": text, "description": text, "poster_name": text,
            "follower_count": text, "tag_list": text, "is_image_or_video": text, "image_src": text,
            "downloaded": integer, "save_location": text, "category": text},
    "geo": {"ind": integer, "timestamp": text, "latitude": double, "longitude": double, "country": text},
    "user": {"ind": integer, "first_name": text, "last_name": text, "age": integer, "date_joined": text},
}


def record(kind, line):
    value = strict_json(line)
    if not isinstance(value, dict) or not COLUMNS[kind].keys() & value.keys():
        raise Reject("not an object with a declared field")
    return {name: None if value.get(name) is None else read(value[name]) for name, read in COLUMNS[kind].items()}


def scan(bucket, kind):
    """All rows of a topic, the places of its rejects, and how many objects were read and left alone."""
    rows, rejects, read, left = [], [], 0, 0
    for found in objects(bucket, kind):
        if found is None:
            left += 1
            continue
        topic, partition, start, path = found
        read += 1
        for number, place, line in lines(path):
            try:
                rows.append(record(kind, line))
            except Reject:
                rejects.append((topic, partition, start + place, number))
    return rows, sorted(rejects), read, left


# ---- The cleaning --------------------------------------------------------------------------------------------------

# Unicode's White_Space, which is what a blank is here; Python's own strip() takes U+001C to U+001F too.
BLANKS = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))


def known(value, *errors):
    """The text, unless it is missing, blank or an error value."""
    return None if value is None or value.strip(BLANKS) in ("", *errors) else value


def count(value):
    match = re.fullmatch("([0-9]+)([kM]?)", value or "")
    number = match and int(match[1]) * {"": 1, "k": 1_000, "M": 1_000_000}[match[2]]
    return number if match and number < 2**63 else None


def is_uuid(value):
    return bool(re.fullmatch("[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", value or ""))


def moment(value):
    """The time, of any of the forms in which it is sent; with no zone it is UTC."""
    clock = r"([0-9:]{8})(?:\.([0-9]{1,9}))?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
    match = re.fullmatch(f"([0-9-]{{10}})(?:[Tt ]{clock})?", value or "")
    if not match:
        return None
    day, clock, fraction, zone = match.groups()
    zone = "+00:00" if zone in (None, "Z", "z") else zone
    try:
        time = datetime.strptime(f"{day} {clock or '00:00:00'} {zone}", "%Y-%m-%d %H:%M:%S %z").astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
    nanoseconds = (time - datetime(1970, 1, 1, tzinfo=timezone.utc)) // timedelta(seconds=1) * 10**9
    nanoseconds += int((fraction or "").ljust(9, "0"))
    return (time.year, nanoseconds) if -2**63 <= nanoseconds < 2**63 else None


def full_name(first, last):
    return f"{first.strip(' ')} {last.strip(' ')}" if known(first) and known(last) else None


Pin = collections.namedtuple("Pin", "ind unique_id title description follower_count poster_name tag_list "
                             "is_image_or_video image_src save_location category")
Geo = collections.namedtuple("Geo", "ind country longitude latitude timestamp")
User = collections.namedtuple("User", "ind user_name age date_joined")


def clean_pins(rows, cleaning):
    for r in rows:
        followers = count(r["follower_count"])
        if r["index"] is None or cleaning == "strict" and (followers is None or not is_uuid(r["unique_id"])):
            continue
        yield Pin(
            r["index"], known(r["unique_id"]), known(r["title"], "No Title Data Available", "Untitled"),
            known(r["description"], "No description available Story format", "No description available", "Untitled"),
            followers, known(r["poster_name"], "User Info Error"),
            known(r["tag_list"], "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e"), known(r["is_image_or_video"]),
            known(r["image_src"], "Image src error."),
            known((r["save_location"] or "").removeprefix("Local save in ")), known(r["category"]))


class Clean:
    """The three clean tables of a bucket as sets, and the two joins that the questions need."""

    def __init__(self, raw, cleaning):
        self.users = {User(r["ind"], full_name(r["first_name"], r["last_name"]), r["age"], moment(r["date_joined"]))
                      for r in raw["user"] if r["ind"] is not None}
        geos = {Geo(r["ind"], known(r["country"]), r["longitude"], r["latitude"], moment(r["timestamp"]))
                for r in raw["geo"] if r["ind"] is not None}
        pins = set(clean_pins(raw["pin"], cleaning))
        self.pins_geos, self.pins_users = join(pins, geos), join(pins, self.users)


def join(pins, others):
    by_ind = collections.defaultdict(list)
    for other in others:
        by_ind[other.ind].append(other)
    return [(pin, other) for pin in pins for other in by_ind[pin.ind]]


# ---- The questions -------------------------------------------------------------------------------------------------

def age_group(age):
    if age is None or age < 18:
        return None
    return "18-24" if age <= 24 else "25-35" if age <= 35 else "36-50" if age <= 50 else "50+"


def year(time, first, last):
    return time[0] if time and first <= time[0] <= last else None


def most_frequent(pairs):
    """The rows (group, value, how often) of each group's most frequent values; a pair with a None is no pair."""
    counts = collections.Counter(pair for pair in pairs if None not in pair)
    best = collections.defaultdict(int)
    for (group, _), n in counts.items():
        best[group] = max(best[group], n)
    return sorted((group, value, n) for (group, value), n in counts.items() if n == best[group])


def by_group(pairs):
    groups = collections.defaultdict(list)
    for group, value in pairs:
        groups[group].append(value)
    return sorted(groups.items())


def medians(pairs):
    """The rows (*group, median) over the pairs (group, follower count) without a None."""
    sound = [(group, n) for group, n in pairs if None not in group and n is not None]
    return [(*group, float(statistics.median(values))) for group, values in by_group(sound)]


def percentile(values, part):
    place = part * (len(values) - 1)
    low, high = sorted(values)[math.floor(place)], sorted(values)[math.ceil(place)]
    return low + (high - low) * (place - math.floor(place))


def largest_counts(clean):
    largest = {}
    for pin, geo in clean.pins_geos:
        key = geo.country, pin.poster_name
        if None not in key and pin.follower_count is not None:
            largest[key] = max(largest.get(key, 0), pin.follower_count)
    return largest


def top_category(clean):
    return most_frequent((geo.country, pin.category) for pin, geo in clean.pins_geos)


def top_category_by_year(clean):
    return most_frequent((year(geo.timestamp, 2018, 2022), pin.category) for pin, geo in clean.pins_geos)


def top_poster_by_country(clean):
    groups = by_group((country, (poster, n)) for (country, poster), n in largest_counts(clean).items())
    return sorted((country, poster, n) for country, posters in groups
                  for poster, n in posters if n == max(n for _, n in posters))


def top_country(clean):
    largest = largest_counts(clean)
    return sorted({(country, n) for (country, _), n in largest.items() if n == max(largest.values())})


def top_category_by_age_group(clean):
    return most_frequent((age_group(user.age), pin.category) for pin, user in clean.pins_users)


def median_followers_by_age_group(clean):
    return medians(((age_group(user.age),), pin.follower_count) for pin, user in clean.pins_users)


def users_joined_by_year(clean):
    people = {(user.user_name, user.age, user.date_joined) for user in clean.users}
    joined = collections.Counter(year(date_joined, 2015, 2020) for _, _, date_joined in people)
    return sorted((y, n) for y, n in joined.items() if y is not None)


def median_followers_by_join_year(clean):
    return medians(((year(user.date_joined, 2015, 2020),), pin.follower_count) for pin, user in clean.pins_users)


def median_followers_by_join_year_and_age_group(clean):
    return medians(((age_group(user.age), year(user.date_joined, 2015, 2020)), pin.follower_count)
                   for pin, user in clean.pins_users)


def follower_stats_by_age_group(clean):
    groups = by_group((age_group(user.age), pin) for pin, user in clean.pins_users if age_group(user.age))
    rows = []
    for group, pins in groups:
        posters = {pin.poster_name for pin in pins} - {None}
        n = [pin.follower_count for pin in pins if pin.follower_count is not None]
        stats = (min(n), percentile(n, 0.25), float(statistics.median(n)), percentile(n, 0.75), max(n),
                 sum(n) / len(n)) if n else (None,) * 6
        rows.append((group, len(pins), len(posters), stats[0], *[s if s is None else float(s) for s in stats[1:4]],
                     *stats[4:]))
    return rows


QUESTIONS = {
    top_category: "country,category,category_count",
    top_category_by_year: "post_year,category,category_count",
    top_poster_by_country: "country,poster_name,follower_count",
    top_country: "country,follower_count",
    top_category_by_age_group: "age_group,category,category_count",
    median_followers_by_age_group: "age_group,median_follower_count",
    users_joined_by_year: "post_year,number_users_joined",
    median_followers_by_join_year: "post_year,median_follower_count",
    median_followers_by_join_year_and_age_group: "age_group,post_year,median_follower_count",
    follower_stats_by_age_group: "age_group,posts,posters,min,p25,median,p75,max,mean",
}


# ---- Printing ------------------------------------------------------------------------------------------------------

def csv(header, rows):
    """RFC 4180 with \\n: quotes only where they must be, NULL as nothing, floats as Python writes them."""
    def cell(value):
        written = "" if value is None else repr(value) if isinstance(value, float) else str(value)
        return '"' + written.replace('"', '""') + '"' if re.search('[,"\r\n]', written) else written
    return "".join(line + "\n" for line in [header, *(",".join(map(cell, row)) for row in rows)])


def main():
    names = {question.__name__: question for question in QUESTIONS}
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bucket", metavar="BUCKET_DIR")
    parser.add_argument("--cleaning", choices=["strict", "keep"], default="strict")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--question", choices=names)
    what.add_argument("--all", metavar="OUT_DIR")
    what.add_argument("--rejects", action="store_true")
    what.add_argument("--counts", action="store_true")
    args = parser.parse_args()
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")

    scans = {kind: scan(args.bucket, kind) for kind in COLUMNS}
    raw = {kind: rows for kind, (rows, *_) in scans.items()}
    if args.question:
        question = names[args.question]
        sys.stdout.write(csv(QUESTIONS[question], question(Clean(raw, args.cleaning))))
    elif args.all:
        for cleaning in ("strict", "keep"):
            clean, out = Clean(raw, cleaning), pathlib.Path(args.all, cleaning)
            out.mkdir(parents=True, exist_ok=True)
            for name, question in names.items():
                (out / f"{name}.csv").write_bytes(csv(QUESTIONS[question], question(clean)).encode())
    elif args.rejects:
        rejected = sorted(reject for _, rejects, *_ in scans.values() for reject in rejects)
        sys.stdout.write(csv("topic,partition,offset,line", rejected))
    else:
        counted = [(kind, read, len(rows), len(rejects), left) for kind, (rows, rejects, read, left) in scans.items()]
        sys.stdout.write(csv("topic,objects,rows,rejects,left_alone", counted))


if __name__ == "__main__":
    main()
