# embed-lua.awk - a Lua script as a C file, or as the text that servers are sent.
#
#   awk -f embed-lua.awk dir/name.lua             C: const char lua_name[], listed in the section lua_scripts
#   awk -v text=1 -f embed-lua.awk dir/name.lua   the text alone
#
# Scripts travel inside of commands, some once for every record, so comments go, and blanks at
# operators. What is left is one line, but for a first line that begins with #!. A line
# "-- include: other.lua" stands for that file of the same folder. Strings are 'these' or "these";
# long brackets are not understood, and refused.

function fail(why) {
    print path ":" line_number ": " why > "/dev/stderr"
    failed = 1
    exit 1
}

# A blank stays between words, and where the two characters would mean something else without it.
function needs_blank(left, right) {
    return (left ~ /[]A-Za-z0-9_)}'"]/ && right ~ /[A-Za-z0-9_({#'"]/) ||
        (left ~ /[0-9.]/ && right == ".") || (left right) ~ /^(--|\[\[|~=|==)$/
}

function put(piece) {
    if (blank && out != "" && needs_blank(substr(out, length(out)), substr(piece, 1, 1)))
        out = out " "
    out = out piece
    blank = 0
}

# The string literal at the beginning of s.
function literal(s,    quote, i, c) {
    quote = substr(s, 1, 1)
    for (i = 2; i <= length(s); i++) {
        c = substr(s, i, 1)
        if (c == "\\")
            i++
        else if (c == quote)
            return substr(s, 1, i)
    }
    fail("a string that does not end on its line")
}

function take_line(s,    c, piece) {
    while (s != "") {
        c = substr(s, 1, 1)
        if (s ~ /^[ \t]/) {
            blank = 1
            s = substr(s, 2)
            continue
        }
        if (s ~ /^--\[/ || s ~ /^\[=*\[/)
            fail("a long bracket")
        if (s ~ /^--/)
            break
        piece = c == "'" || c == "\"" ? literal(s) : c
        put(piece)
        s = substr(s, length(piece) + 1)
    }
    blank = 1
}

function take_file(name, is_first,    s, got, number, outer) {
    outer = path
    path = name
    while ((got = (getline s < name)) > 0) {
        line_number = ++number
        if (s ~ /^#!/) {
            if (!is_first || number > 1)
                fail("#! is not on the first line")
            head = s
        } else if (sub(/^-- include: /, "", s)) {
            take_file(folder s, 0)
        } else {
            take_line(s)
        }
    }
    if (got < 0)
        fail("could not be read")
    close(name)
    path = outer
}

# Nothing but printable ASCII comes here.
function c_string(s,    lines, n) {
    gsub(/\\/, "&&", s)
    gsub(/"/, "\\\"", s)
    while (length(s) > 90) {
        n = 90
        while (substr(s, n, 1) == "\\")
            n--
        lines = lines "    \"" substr(s, 1, n) "\"\n"
        s = substr(s, n + 1)
    }
    return lines "    \"" s "\""
}

BEGIN {
    name = ARGV[1]
    folder = name
    sub(/[^\/]*$/, "", folder)
    take_file(name, 1)
    if (text) {
        if (head != "")
            print head
        print out
        exit
    }
    sub(/^.*\//, "", name)
    sub(/\.lua$/, "", name)
    print "/* Made by embed-lua.awk from " name ".lua. */"
    print "extern const char lua_" name "[];"
    print "const char lua_" name "[] ="
    if (head != "")
        print "    \"" head "\\n\""
    print c_string(out) ";"
    # The list of all, from which local_script.h knows them.
    print "static const char *const listed __attribute__((section(\"lua_scripts\"), used)) = lua_" name ";"
}

END {
    exit failed
}
