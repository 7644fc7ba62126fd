#!/usr/bin/env python3
"""Event files say what was written: read back record by record, with their checksums, and by TensorBoard itself.

usage: test_events.py PROGRAM

PROGRAM is tests/write_events. TensorBoard is that of the Python that COTAN_TENSORBOARD names, or of this one; without it, that part is
skipped, and said so. Ends with "N passed, N failed".
"""
import csv, json, math, os, pathlib, struct, subprocess, sys, tempfile, zlib

# ---- the format, read by its description ----


def checksum(data):
    """The masked CRC-32C of a record, by division of polynomials: bits of lowest value first."""
    crc = 0xFFFFFFFF
    for byte in data:
        for bit in range(8):
            low = (crc ^ byte >> bit) & 1
            crc = crc >> 1 ^ (0x82F63B78 if low else 0)
    crc ^= 0xFFFFFFFF
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def records(path):
    data, at = path.read_bytes(), 0
    while at < len(data):
        (length, of_length) = struct.unpack_from("<QI", data, at)
        assert checksum(data[at:at + 8]) == of_length, f"{path}: checksum of the length at byte {at}"
        message = data[at + 12:at + 12 + length]
        assert checksum(message) == struct.unpack_from("<I", data, at + 12 + length)[0], f"{path}: checksum at byte {at}"
        yield fields(message)
        at += 16 + length
    assert at == len(data), f"{path}: ends inside a record"


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift, at = shift + 7, at + 1
        if data[at - 1] < 128:
            return value, at


def fields(data):
    """{field: its values}: numbers as they are, floats and doubles unpacked, the rest as bytes."""
    found, at = {}, 0
    while at < len(data):
        key, at = varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = varint(data, at)
            value -= (value >> 63) << 64
        else:
            size, at = varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind], at)
            value, at = data[at:at + size], at + size
            value = struct.unpack({1: "<d", 5: "<f"}[kind], value)[0] if kind != 2 else value
        found.setdefault(key >> 3, []).append(value)
    return found


def doubles(data):
    return list(struct.unpack("<%dd" % (len(data) // 8), data))


def take(run, value, step):
    tag = value[1][0].decode()
    if 2 in value:
        run["scalars"].setdefault(tag, []).append([step, value[2][0]])
    elif 4 in value:
        image = fields(value[4][0])
        run["images"].setdefault(tag, []).append([step, image[2][0], image[1][0], image[4][0].hex()])
    elif 5 in value:
        h = fields(value[5][0])
        run["histograms"].setdefault(tag, []).append([step, [h[i][0] for i in range(1, 6)], doubles(h[6][0]), doubles(h[7][0])])
    else:
        tensor = fields(value[8][0])
        assert tensor[1] == [7] and fields(fields(value[9][0])[1][0])[1] == [b"text"]
        run["texts"].setdefault(tag, []).append([step, tensor[8][0].decode()])


def read_records(folder):
    """The run in that folder, and the steps from which its later files purge."""
    run, purges, last_time = {"scalars": {}, "images": {}, "histograms": {}, "texts": {}}, [], 0
    for path in sorted(folder.iterdir()):
        events = list(records(path))
        assert events[0][3] == [b"brain.Event:2"]
        for event in events:
            assert event[1][0] >= last_time, "time goes back"
            last_time, step = event[1][0], event[2][0]
            if 7 in event:
                purges.append(step)
                for charts in run.values():
                    for tag in charts:
                        charts[tag] = [point for point in charts[tag] if point[0] < step]
            for value in fields(event[5][0]).get(1, []) if 5 in event else []:
                take(run, fields(value), step)
    return run, purges


# ---- the same, as TensorBoard reads it ----


def read_by_tensorboard(folder):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    a = EventAccumulator(str(folder), size_guidance={k: 0 for k in ("scalars", "histograms", "images", "tensors")})
    a.Reload()
    tags = a.Tags()
    numbers = ("min", "max", "num", "sum", "sum_squares")
    return {
        "scalars": {t: [[e.step, e.value] for e in a.Scalars(t)] for t in tags["scalars"]},
        "images": {t: [[e.step, e.width, e.height, e.encoded_image_string.hex()] for e in a.Images(t)] for t in tags["images"]},
        "histograms": {t: [[e.step, [getattr(e.histogram_value, n) for n in numbers], list(e.histogram_value.bucket_limit),
                            list(e.histogram_value.bucket)] for e in a.Histograms(t)] for t in tags["histograms"]},
        "texts": {t: [[e.step, e.tensor_proto.string_val[0].decode()] for e in a.Tensors(t)] for t in tags["tensors"]},
    }


def python_with_tensorboard():
    for python in (os.environ.get("COTAN_TENSORBOARD"), sys.executable):
        if python and subprocess.run([python, "-c", "import tensorboard, numpy"], capture_output=True).returncode == 0:
            return python
    return None


# ---- what must be there ----


def pixels(png):
    """Width, height, channels, bytes of a PNG whose rows are not filtered."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(png):
        size, name = struct.unpack_from(">I4s", png, at)
        assert zlib.crc32(png[at + 4:at + 8 + size]) == struct.unpack_from(">I", png, at + 8 + size)[0]
        chunks[name], at = png[at + 8:at + 8 + size], at + 12 + size
    width, height, depth, colour, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, rest) == (8, [0, 0, 0]) and list(chunks) == [b"IHDR", b"IDAT", b"IEND"]
    channels = {0: 1, 2: 3, 6: 4}[colour]
    rows, stride = zlib.decompress(chunks[b"IDAT"]), 1 + width * channels
    assert len(rows) == height * stride and not any(rows[::stride])
    return width, height, channels, [b for i, b in enumerate(rows) if i % stride]


def image(run, tag):
    (step, width, height, png), = run["images"][tag]
    found = pixels(bytes.fromhex(png))
    assert (step, width, height) == (1, *found[:2])
    return found


def check_scalars(run):
    assert run["scalars"]["a/square"] == [[i, float(i * i)] for i in range(290)] + [[290, -1]]


def check_odd_numbers(run, purged):
    points = run["scalars"]["odd"]
    assert points[0][0] == -1 and math.isnan(points[0][1]) and (purged or points[1:] == [[1 << 40, math.inf]])


def check_histograms(run):
    (step, numbers, limits, bins), = run["histograms"]["spread"]
    assert step == 7 and numbers == [-1, 2, 5, 3.5, 9.25] and len(limits) == 30 and limits[-1] == 2
    assert all(math.isclose(limits[k], -1 + 0.1 * (k + 1), abs_tol=1e-12) for k in range(30))
    assert {k: n for k, n in enumerate(bins) if n} == {0: 1, 10: 1, 15: 1, 29: 2}
    (_, numbers, limits, bins), = run["histograms"]["one value"]
    assert numbers == [1, 1, 4, 4, 4] and math.isclose(limits[29], 1.5) and bins == 15 * [0] + [4] + 14 * [0]
    (_, numbers, limits, bins), = run["histograms"]["widest"]
    assert all(map(math.isfinite, limits)) and limits == sorted(limits) and bins[0] == bins[29] == 1


def check_images(run):
    assert image(run, "grey") == (3, 2, 1, [0, 128, 255, 0, 255, 0])
    assert image(run, "rgb") == (3, 2, 3, [6 * c + i for i in range(6) for c in range(3)])
    assert image(run, "rgba") == (2, 3, 4, [6 * c + 3 * x + y for y in range(3) for x in range(2) for c in range(4)])


def check_text(run):
    assert run["texts"] == {"note": [[2, "*café*"]]}


def check_fit(run, log):
    columns = {"loss/training": "loss", "accuracy/training": "accuracy", "loss/validation": "val_loss",
               "accuracy/validation": "val_accuracy", "lr": "lr"}
    assert set(run["scalars"]) == set(columns)
    for tag, column in columns.items():
        points = run["scalars"][tag]
        assert [step for step, _ in points] == [1, 2, 3, 4, 5], (tag, points)
        assert all(math.isclose(value, float(row[column]), rel_tol=1e-6) for (_, value), row in zip(points, log))
    histograms = run["histograms"]
    assert {tag: [p[0] for p in points] for tag, points in histograms.items()} == {
        tag: [2, 4] for tag in ("fc.weight", "fc.bias", "fc.weight.grad", "fc.bias.grad")}  # every second epoch
    assert all(p[1][2] == 4 for p in histograms["fc.weight"] + histograms["fc.weight.grad"])
    for _, (least, largest, n, total, squares), *_ in histograms["fc.bias.grad"]:  # of cross entropy: 0 over both classes
        assert n == 2 and abs(total) < 1e-6 and math.isclose(least, -largest, rel_tol=1e-4) and squares > 2e-6  # the norm is clipped to 1e-3


def checks(reader, hand, fit, log):
    return [(f"{reader}: scalars", lambda: check_scalars(hand)),
            (f"{reader}: odd numbers", lambda: check_odd_numbers(hand, True)),
            (f"{reader}: histograms", lambda: check_histograms(hand)), (f"{reader}: images", lambda: check_images(hand)),
            (f"{reader}: text", lambda: check_text(hand)), (f"{reader}: fit", lambda: check_fit(fit, log))]


def check_cuts(folder):
    """The reader of this test notices a changed byte, so that it would have noticed a wrong one."""
    path = max(folder.iterdir(), key=lambda p: p.stat().st_size)
    data = bytearray(path.read_bytes())
    for at in (3, 10, 40, len(data) - 1):
        data[at] ^= 1
        copy = folder.parent / "changed"
        copy.write_bytes(data)
        try:
            list(records(copy))
        except (AssertionError, struct.error, OverflowError, MemoryError):
            data[at] ^= 1
            continue
        raise AssertionError(f"byte {at} was changed, and nothing noticed")


def main():
    if sys.argv[1] == "--tensorboard":
        print(json.dumps(read_by_tensorboard(sys.argv[2])))
        return 0
    with tempfile.TemporaryDirectory() as top:
        top = pathlib.Path(top)
        subprocess.run([sys.argv[1], str(top)], check=True)
        log = list(csv.DictReader(open(top / "run.csv")))
        (hand, hand_purges), (fit, fit_purges) = read_records(top / "deep/er"), read_records(top / "fit")
        todo = checks("records", hand, fit, log)
        todo.append(("purges", lambda: [None][(hand_purges, fit_purges) != ([290], [4])]))
        todo.append(("a changed byte", lambda: check_cuts(top / "deep/er")))
        python = python_with_tensorboard()
        if python:
            read = [json.loads(subprocess.run([python, __file__, "--tensorboard", str(top / name)], check=True,
                                              stdout=subprocess.PIPE).stdout) for name in ("deep/er", "fit")]
            todo += checks("TensorBoard", *read, log)
        else:
            print("TensorBoard is not installed: skipped")
        passed = failed = 0
        for name, check in todo:
            try:
                check()
                passed += 1
            except (AssertionError, KeyError, IndexError, ValueError) as error:
                failed += 1
                print(f"FAIL {name}: {type(error).__name__} {error}")
    print(f"{passed} passed, {failed} failed")
    return failed > 0 or passed == 0


if __name__ == "__main__":
    sys.exit(main())
