#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# scripts/lint-prose finds each kind of sentence that it is there to find, at its line, and nothing in what is not a sentence.
. tests/cli/tap.inc

finds() { # LINE RULE TEXT
    printf '# A page\n\nA plain sentence.\n%s\n' "$3" >"$work/page.md"
    scripts/lint-prose "$work/page.md" >"$work/found" && return 1
    same "$1" "$(cut -d : -f 2 "$work/found")" && grep -q ": rule $2: " "$work/found"
}

finds_help() { # LINE RULE TEXT: in a table of C
    printf 'static int n;\n\t{ .name = "on",\n\t  .help = "%s" },\n' "$3" >"$work/table.c"
    scripts/lint-prose "$work/table.c" >"$work/found" && return 1
    same "$1" "$(cut -d : -f 2 "$work/found")" && grep -q ": rule $2: " "$work/found"
}

accepts() { # TEXT
    printf '# A page\n\n%s\n' "$1" >"$work/page.md"
    scripts/lint-prose "$work/page.md" >&2
}

words() { seq "$1" | sed 's/.*/word/' | paste -sd ' ' -; }

ok 'a subject without a noun' finds 4 1 'The line belongs to whoever asks.'
ok 'a clause as the subject' finds 4 1 'What is lost is counted.'
ok 'a quantity without its name' finds 4 2 'The line stays on so long.'
ok 'a thing that knows' finds 4 4 'The guard knows the rules.'
ok 'a denied noun' finds 4 5 'A torn row is no record.'
ok 'a causal for' finds 4 5 'The line is parked, for it is safe.'
ok 'a word that is not plain' finds 4 5 'The reader lacks a ring.'
ok 'the words of a table too' finds 5 5 '
| a row | lacks a ring |'
ok 'the line is that of the word' finds 5 1 'The line
belongs to nobody.'
ok '26 words' finds 4 6 "$(words 26)."
ok '25 are accepted' accepts "$(words 25). $(words 25)."
ok 'code in a row counts once' accepts "$(words 24) \`a b\`, \`c\` and \`d\`."
# shellcheck disable=SC2016 # backquotes of a page
ok 'words of code are not judged' accepts 'The option `lacks whoever` and

    whoever lacks it

```
nobody
```'
ok 'a question may ask' accepts 'What is it?'
ok 'a help text' finds_help 3 2 'time for so long'
ok 'and one of two lines' finds_help 3 1 'time for "
\t\t"whoever asks'
printf 'static int n;\n\tWEIR_P_BOOL("on", struct a, on, "yes",\n\t\t    "whoever is on"),\n\tWEIR_P_INT("n", struct a, n, "0", "what is lost", .min = 1),\n' >"$work/rows.c"
ok 'a help text of a row' same "$work/rows.c:2: rule 1: whoever: name the subject
$work/rows.c:4: rule 1: what: \"what\" as the subject of a sentence" "$(scripts/lint-prose "$work/rows.c")"
printf 'static int f(struct weir_node *node)\n{\n\treturn weir_fail_arg(node, "span", "as in 1s",\n\t\t\t     "there is no span");\n}\n' >"$work/call.c"
ok 'a message' same "$work/call.c:3: rule 5: is no: say what it is" "$(scripts/lint-prose "$work/call.c")"
finish
