#include "wire/tls_reason.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include "base/bytes.h"

#define NAME_SIZE 80

void tls_reason_watch(SSL *ssl, struct tls_reason *reason)
{
    SSL_set_app_data(ssl, reason);
}

/* "2026-11-26 18:25:00 UTC" */
static void put_time(const ASN1_TIME *when, char out[NAME_SIZE])
{
    struct tm tm = {0};

    if (ASN1_TIME_to_tm(when, &tm) != 1 || strftime(out, NAME_SIZE, "%F %T UTC", &tm) == 0)
        (void)snprintf(out, NAME_SIZE, "a time that cannot be read"); /* fits */
}

static void put_issuer(const X509 *cert, char out[NAME_SIZE])
{
    char text[NAME_SIZE] = "";
    const X509_NAME *issuer = X509_get_issuer_name(cert);

    if (X509_NAME_get_text_by_NID(issuer, NID_commonName, text, sizeof(text)) <= 0)
        (void)X509_NAME_oneline(issuer, text, sizeof(text)); /* a longer one is cut */
    (void)bytes_escape(bytes_str(text), out, NAME_SIZE);
}

/* One more name; names of no kind that hosts have are left out. */
static size_t put_name(const GENERAL_NAME *name, bool first, char *out, size_t size)
{
    char shown[NAME_SIZE];
    char address[INET6_ADDRSTRLEN];
    int n;

    if (name->type == GEN_DNS) {
        const ASN1_IA5STRING *dns = name->d.dNSName;

        (void)bytes_escape(bytes_of(ASN1_STRING_get0_data(dns), (size_t)ASN1_STRING_length(dns)),
                           shown, sizeof(shown));
    } else if (name->type == GEN_IPADD) {
        const ASN1_OCTET_STRING *ip = name->d.iPAddress;

        if (inet_ntop(ASN1_STRING_length(ip) == 4 ? AF_INET : AF_INET6, ASN1_STRING_get0_data(ip),
                      address, sizeof(address)) == NULL)
            return 0;
        (void)snprintf(shown, sizeof(shown), "%s", address); /* fits */
    } else {
        return 0;
    }
    n = snprintf(out, size, "%s\"%s\"", first ? "" : ", ", shown);
    return n < 0 || (size_t)n >= size ? 0 : (size_t)n; /* as many as there is room for */
}

/* Whom a certificate is for. The common name counts where there are no others. */
static void put_names(const X509 *cert, char *out, size_t size)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
    char common[NAME_SIZE] = "";
    char shown[NAME_SIZE];
    size_t n = 0;

    out[0] = '\0';
    for (int i = 0; names != NULL && i < sk_GENERAL_NAME_num(names); i++)
        n += put_name(sk_GENERAL_NAME_value(names, i), n == 0, out + n, size - n);
    GENERAL_NAMES_free(names);
    out[n] = '\0';
    if (n != 0)
        return;
    (void)X509_NAME_get_text_by_NID(X509_get_subject_name(cert), NID_commonName, common,
                                    sizeof(common));
    if (common[0] == '\0')
        (void)snprintf(out, size, "nobody by name"); /* fits */
    else
        (void)snprintf(out, size, "\"%s\"", bytes_escape(bytes_str(common), shown, NAME_SIZE));
}

/* What follows "the certificate of HOST ". */
static void describe(struct tls_reason *r, const X509 *cert)
{
    char text[NAME_SIZE] = "";

    switch (r->verify) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
        put_time(X509_get0_notAfter(cert), text);
        (void)snprintf(r->text, sizeof(r->text), "expired at %s", text); /* fits */
        break;
    case X509_V_ERR_CERT_NOT_YET_VALID:
        put_time(X509_get0_notBefore(cert), text);
        (void)snprintf(r->text, sizeof(r->text),
                       "is valid from %s on, which is later than this machine's clock",
                       text); /* fits */
        break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        put_names(cert, r->text, sizeof(r->text));
        break;
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_CERT_UNTRUSTED:
        put_issuer(cert, text);
        (void)snprintf(r->text, sizeof(r->text),
                       "was issued by \"%s\", which is not trusted here (--tls-ca)",
                       text); /* fits */
        break;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
        (void)snprintf(r->text, sizeof(r->text), /* fits */
                       "is signed by itself and not trusted here (--tls-ca)");
        break;
    default:
        (void)snprintf(r->text, sizeof(r->text), "was refused: %s", /* fits */
                       X509_verify_cert_error_string(r->verify));
        break;
    }
}

int tls_reason_verify(int ok, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct tls_reason *r = SSL_get_app_data(ssl);
    const X509 *cert = X509_STORE_CTX_get_current_cert(store);

    if (ok == 0 && r->verify == X509_V_OK && cert != NULL) {
        r->verify = X509_STORE_CTX_get_error(store);
        describe(r, cert);
    }
    return ok;
}

/* What a peer says when it ends a session, or what it sent instead of one. */
static const char *reason_text(int reason, bool has_cert)
{
    switch (reason) {
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE:
        return "a certificate of the client is required (--tls-cert and --tls-key)";
    case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE:
        return has_cert ? "no agreement was found (versions, ciphers, or the certificate given by "
                          "--tls-cert)"
                        : "no agreement was found (versions, ciphers), or a certificate of the "
                          "client is required (--tls-cert and --tls-key)";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
        return "the issuer of the certificate of this side is not trusted there";
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
        return "the certificate of this side is not accepted there";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
        return "the certificate of this side has expired";
    case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
    case SSL_R_UNSUPPORTED_PROTOCOL:
        return "it takes no version of TLS that is known here (1.2 and 1.3)";
    default:
        return NULL;
    }
}

static bool is_no_tls(int reason)
{
    return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_PACKET_LENGTH_TOO_LONG ||
           reason == SSL_R_HTTP_REQUEST || reason == SSL_R_BAD_PROTOCOL_VERSION_NUMBER;
}

void tls_reason_take(struct tls_reason *r, bool has_cert)
{
    unsigned long code = ERR_peek_error();
    const char *text = reason_text(ERR_GET_REASON(code), has_cert);

    r->final = text != NULL;
    if (text == NULL)
        text = ERR_reason_error_string(code);
    (void)snprintf(r->text, sizeof(r->text), "%s", text != NULL ? text : "TLS failed"); /* fits */
}

int tls_reason_of_handshake(struct tls_reason *r, const struct tls_peer *peer, bool has_cert,
                            int sys_errno, struct ft_err *err)
{
    unsigned long code = ERR_peek_error();

    if (r->verify == X509_V_ERR_HOSTNAME_MISMATCH || r->verify == X509_V_ERR_IP_ADDRESS_MISMATCH)
        return err_set(err, FT_ERR_PROTOCOL,
                       "the certificate of %s is for %s, not for \"%s\" (--tls-server-name says "
                       "which name is wanted)",
                       peer->name, r->text, peer->host);
    if (r->verify != X509_V_OK)
        return err_set(err, FT_ERR_PROTOCOL, "the certificate of %s %s", peer->name, r->text);
    if (is_no_tls(ERR_GET_REASON(code)))
        return err_set(err, FT_ERR_PROTOCOL,
                       "%s does not speak TLS: its address begins with \"redis://\" or "
                       "\"dragonfly://\"",
                       peer->name);
    if (code == 0)
        return err_set(err, FT_ERR_NET, "could not begin TLS with %s: %s", peer->name,
                       sys_errno != 0 ? strerror(sys_errno) : "it closed the connection");
    tls_reason_take(r, has_cert);
    return err_set(err, r->final ? FT_ERR_PROTOCOL : FT_ERR_NET, "could not begin TLS with %s: %s",
                   peer->name, r->text);
}

void tls_reason_of_file(char *ret, size_t size)
{
    unsigned long code = ERR_peek_error();
    const char *text = ERR_reason_error_string(code);

#ifdef ERR_SYSTEM_ERROR
    if (ERR_SYSTEM_ERROR(code))
        text = strerror(ERR_GET_REASON(code));
#else
    if (ERR_GET_LIB(code) == ERR_LIB_SYS)
        text = strerror(ERR_GET_REASON(code));
#endif
    if (ERR_GET_LIB(code) == ERR_LIB_PEM && ERR_GET_REASON(code) == PEM_R_NO_START_LINE)
        text = "there is none in it, in PEM";
    if (ERR_GET_LIB(code) == ERR_LIB_X509 && ERR_GET_REASON(code) == X509_R_KEY_VALUES_MISMATCH)
        text = "it is not that of the certificate";
    (void)snprintf(ret, size, "%s", text != NULL ? text : "it cannot be read"); /* fits */
}
