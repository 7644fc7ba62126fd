#!/usr/bin/env python3
"""Every public function that can fail has a macro of its name that passes the caller's file and line on.

usage: test_locations.py TOP

Reads the public headers: a function that returns a status or a pointer, and that is not named below with the reason why it cannot
fail, must have such a macro. And reads the library's sources, in which these macros must not be, since errors would have the
library's own lines. Ends with "N passed, N failed"."""
import pathlib
import re
import sys

# What cannot fail, or is what locations are passed to; and what returns a pointer to what there is, NULL being an answer.
WITHOUT = set("""
    ct_error_code ct_error_message ct_error_set ct_status_name ct_version ct_config ct_region ct_options_read
    ct_dtype_name ct_shape ct_strides ct_name_of ct_tensor_file_name ct_tensor_file_get ct_verdict_name
    ct_grad_of ct_node_of ct_node_op ct_node_file ct_node_region ct_node_input_node ct_node_input_leaf ct_node_output_shape
    ct_module_name ct_module_tensor ct_module_get ct_module_self ct_module_layer ct_module_path ct_module_child ct_module_find
    ct_module_load_report ct_dataset_class_name ct_profile_operations ct_profile_regions ct_trace_node_at ct_trace_step_at
    ct_trace_shape ct_trace_unmeasured ct_trace_why ct_why_no_grad ct_number_text ct_onnx_input ct_onnx_output
    ct_allocate ct_reallocate""".split())
# Completers are what locations are passed to; an operation's functions (ct_call_*) have the line of the operation's call.
INSIDE = re.compile(r"ct_(at\w*|call_\w+|\w+_at)$")
# What can fail though it returns something else.
OTHERS = set("""
    ct_release ct_format ct_item ct_get ct_zero_grad ct_add_hook ct_graph_nodes ct_gradcheck ct_gradcheck_op ct_gradcheck_graph
    ct_gradcheck_model ct_batches_next ct_accuracy ct_optimizer_zero_grad ct_chunk
    ct_batches_next_tensors ct_each_batch_next ct_schedule_factor ct_running_average_add""".split())


def functions(text):
    """(return type, name) of each CT_API prototype."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    for match in re.finditer(r"\bCT_API\s+((?:[\w]+\s+)*[\w]+\s*\**)\s*\b(ct_\w+)\s*\(", text):
        yield " ".join(match.group(1).split()), match.group(2)


def located(text):
    """Names of the macros that pass a location on, directly or through another macro that does."""
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S).replace("\\\n", " ")
    macros = dict(re.findall(r"^#define (\w+)\([^)]*\)(.*)$", text, re.M))
    names = {name for name, body in macros.items() if "CT_HERE" in body}
    return names | {name for name, body in macros.items() if any(re.search(rf"\b{other}\(", body) for other in names)}


FOLDERS = "core autograd ops nn".split()


def macros_in_order(top, path, seen):
    """Of a source and what it includes, as a compiler meets them: "none" where locations are turned off, "located" where they are offered."""
    for line in path.read_text().splitlines():
        if line.startswith("#define CT_NO_LOCATIONS"):
            yield "none"
        elif "(CT_HERE" in line:
            yield "located"
        elif match := re.match(r'#include ["<](.*)[">]', line):
            places = [path.parent / match[1], *(top / folder / sub / match[1] for folder in FOLDERS for sub in ("", "include"))]
            header = next((place.resolve() for place in places if place.exists()), None)
            if header and header not in seen:
                seen.add(header)
                yield from macros_in_order(top, header, seen)


def with_locations(top):
    """Sources of the library that have the macros. Kernels, which cannot fail, may."""
    for folder in FOLDERS:
        for path in sorted((top / folder).rglob("*.c")):
            if not path.name.startswith("kernels_") and next(macros_in_order(top, path, set()), "none") != "none":
                yield path.relative_to(top)


def main():
    text = "\n".join(path.read_text() for path in sorted(pathlib.Path(sys.argv[1]).glob("*/include/cotan/*.h")))
    names = located(text)
    passed = failed = 0
    for kind, name in functions(text):
        if INSIDE.match(name) or name in WITHOUT or not (kind == "ct_status" or kind.endswith("*") or name in OTHERS):
            continue
        if name in names:
            passed += 1
        else:
            failed += 1
            print(f"{kind} {name}: no macro passes its caller's line on")
    for path in with_locations(pathlib.Path(sys.argv[1])):
        failed += 1
        print(f"{path}: a header with locations comes before CT_NO_LOCATIONS")
    gone = (WITHOUT | OTHERS) - {name for _, name in functions(text)}
    if gone:
        failed += 1
        print("no public functions:", *sorted(gone))
    print(f"{passed} passed, {failed} failed")
    return failed > 0 or passed == 0


sys.exit(main())
