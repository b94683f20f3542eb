#!/bin/sh
# make-html.sh - the manual pages as one page of HTML, on standard output; "make html" runs it.
#
#   sh doc/make-html.sh VERSION PAGE...
set -eu

command -v mandoc >/dev/null || {
    echo "make html needs mandoc; sh contrib/install-deps.sh doc installs it" >&2
    exit 1
}
version=$1
shift

# A page is known by its name: flowtape-sync.1 has the anchor flowtape-sync.1.
name_of() {
    basename "$1" .1
}

cat <<END
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>flowtape $version: manual</title>
<style>
:root { color-scheme: light dark; --text: #1d2125; --back: #ffffff; --line: #d5d9de; --link: #0b57a4; --code: #f2f4f6; }
@media (prefers-color-scheme: dark) {
  :root { --text: #dfe3e8; --back: #16191d; --line: #3a4048; --link: #7db7f0; --code: #22262c; }
}
body { color: var(--text); background: var(--back); font: 16px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 54rem; padding: 1rem; }
a { color: var(--link); }
h1 { font-size: 1.3rem; margin: 1.5rem 0 .3rem; }
h2 { font-size: 1.1rem; margin: 1rem 0 .2rem; }
article { border-top: 1px solid var(--line); margin-top: 2.5rem; }
article > header { font-size: 1.7rem; font-weight: 600; margin-top: .8rem; }
nav ul { columns: 16rem; padding-left: 1.2rem; }
pre, code, .Li { background: var(--code); }
pre { overflow-x: auto; padding: .6rem; }
dt { margin-top: .6rem; }
dd { margin-left: 2rem; }
table.head, table.foot { display: none; }
p.Pp { margin: .6rem 0; }
.Bd-indent { margin-left: 2rem; }
</style>
</head>
<body>
<h1>flowtape $version</h1>
<nav aria-label="Manual pages">
<ul>
END
for page in "$@"; do
    printf '<li><a href="#%s.1">%s(1)</a></li>\n' "$(name_of "$page")" "$(name_of "$page")"
done
printf '</ul>\n</nav>\n<main>\n'
for page in "$@"; do
    name=$(name_of "$page")
    printf '<article id="%s.1">\n<header>%s(1)</header>\n' "$name" "$name"
    # Anchors of sections are unique in a page only: those of this one begin with its name.
    mandoc -T html -O 'fragment,man=#%N.%S' "$page" |
        sed -e "s/id=\"/id=\"$name./g" -e "s/href=\"#\\([A-Z]\\)/href=\"#$name.\\1/g"
    printf '</article>\n'
done
printf '</main>\n</body>\n</html>\n'
