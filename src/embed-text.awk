# embed-text.awk - a text file as a C file: page_NAME[] of dir/NAME.html, .css or .js.
#
#   awk -f embed-text.awk dir/name.html
#
# Every line is kept as it is.

function c_string(s,    lines) {
    gsub(/\\/, "&&", s)
    gsub(/"/, "\\\"", s)
    return "    \"" s "\\n\""
}

FNR == 1 {
    name = FILENAME
    sub(/^.*\//, "", name)
    sub(/\.[a-z]*$/, "", name)
    print "/* Made by embed-text.awk. */"
    print "extern const char page_" name "[];"
    print "const char page_" name "[] ="
}

{
    print c_string($0)
}

END {
    print "    ;"
}
