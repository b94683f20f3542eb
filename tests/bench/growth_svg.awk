# growth_svg.awk - lines of growth_lib.sh about keys as a drawing: seconds of the processor and MiB over keys.
$1 == "million keys" {
    x[$3, ++count[$3]] = $2
    cpu[$3, count[$3]] = $4
    mib[$3, count[$3]] = $6
    if ($2 > most_x) most_x = $2
    if ($4 > most_cpu) most_cpu = $4
    if ($6 > most_mib) most_mib = $6
}

# One drawing of w x 260 at `left`: y by name, up to `most`.
function draw(left, title, y, most,    name, i, n, px, py, points) {
    printf "<text x=\"%d\" y=\"20\" font-weight=\"bold\">%s</text>\n", left, title
    printf "<path d=\"M%d 40V240H%d\" fill=\"none\" stroke=\"#888\"/>\n", left, left + 300
    printf "<text x=\"%d\" y=\"258\" text-anchor=\"end\">%s million keys</text>\n", left + 300, most_x
    printf "<text x=\"%d\" y=\"44\" text-anchor=\"end\">%s</text>\n", left - 6, most
    printf "<text x=\"%d\" y=\"244\" text-anchor=\"end\">0</text>\n", left - 6
    for (n = 1; n in names; n++) {
        name = names[n]
        points = ""
        for (i = 1; i <= count[name]; i++) {
            px = left + 300 * x[name, i] / most_x
            py = 240 - 200 * y[name, i] / most
            points = points sprintf("%.1f,%.1f ", px, py)
            printf "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3\" fill=\"%s\"/>\n", px, py, colour[n]
        }
        printf "<polyline points=\"%s\" fill=\"none\" stroke=\"%s\" stroke-width=\"2\"/>\n", points, colour[n]
    }
}

END {
    split("capture verify convert replay", names, " ")
    split("#1b7837 #762a83 #2166ac #b35806", colour, " ")
    print "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 300\" font-family=\"sans-serif\" font-size=\"12\">"
    print "<rect width=\"760\" height=\"300\" fill=\"#fff\"/>"
    draw(60, "seconds of the processor", cpu, most_cpu)
    draw(440, "MiB at most", mib, most_mib < 64 ? 64 : most_mib)
    for (n = 1; n in names; n++)
        printf "<text x=\"%d\" y=\"285\" fill=\"%s\">%s</text>\n", 60 + 90 * n, colour[n], names[n]
    print "</svg>"
}
