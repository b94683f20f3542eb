# Certificates and servers with TLS for end-to-end scripts; source it after sh_lib.sh. The certificates lie in $T/tls:
# ca, other-ca (which nobody trusts), and of the first: server (for $T_HOST and server.test), client, expired.

# need_tls - openssl's program, and a server that was built with TLS
need_tls()
{
    command -v openssl >/dev/null || t_skip "no openssl"
    "$REDIS_SERVER" --version >/dev/null && redis-cli --help 2>&1 | grep -q -- --tls ||
        t_skip "no redis with TLS"
}

# tls_ca NAME
tls_ca()
{
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
        -subj "/CN=flowtape test $1" -keyout "$T/tls/$1.key" -out "$T/tls/$1.pem" 2>/dev/null
}

# tls_cert NAME CA NAMES ARG... - NAMES as in subjectAltName
tls_cert()
{
    t_name=$1 t_ca=$2
    printf 'subjectAltName=%s\n' "$3" >"$T/tls/ext"
    shift 3
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj "/CN=$t_name" \
        -keyout "$T/tls/$t_name.key" -out "$T/tls/req" 2>/dev/null
    openssl x509 -req -in "$T/tls/req" -CA "$T/tls/$t_ca.pem" -CAkey "$T/tls/$t_ca.key" -set_serial 1 \
        -extfile "$T/tls/ext" "$@" -out "$T/tls/$t_name.pem" 2>/dev/null
}

tls_begin()
{
    mkdir -p "$T/tls"
    tls_ca ca
    tls_ca other-ca
    tls_cert server ca "IP:$T_HOST,DNS:server.test" -days 2
    tls_cert client ca DNS:client.test -days 2
    tls_cert expired ca "IP:$T_HOST" -days -1
    CLIENT="--tls-ca $T/tls/ca.pem --tls-cert $T/tls/client.pem --tls-key $T/tls/client.key"
    TLS_PORT=$((20000 + $$ * 41 % 12000))
}

# tls_redis_start CERT ARG... - as redis_start, and with TLS on $TLS_PORT
tls_redis_start()
{
    t_cert=$1
    shift
    redis_start --tls-port $TLS_PORT --bind "$T_HOST" --tls-cert-file "$T/tls/$t_cert.pem" \
        --tls-key-file "$T/tls/$t_cert.key" --tls-ca-cert-file "$T/tls/ca.pem" "$@"
    TLS_URI=rediss://$T_HOST:$TLS_PORT
}

# tls_proxy ARG... - in front of the stand-in; sets URI to its address
tls_proxy()
{
    rm -f "$T/proxy.out"
    "$TLS_PROXY" "$T/tls/server.pem" "$T/tls/server.key" "$@" "$T_HOST" "$PORT" >"$T/proxy.out" &
    PIDS="$PIDS $!"
    t_until test -s "$T/proxy.out"
    URI=dragonflys://$T_HOST:$(cat "$T/proxy.out")
}
