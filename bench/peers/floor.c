/* The requests of floor/main.go in C with OpenSSL: what no language can beat by
 * much. One connection, the same roots verified, no other check. */
#define _GNU_SOURCE
#include <netdb.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define ACTIONS "/me/descriptorByName/jenkins.security.ApiTokenProperty/"

static SSL *ssl;
static const char *host;
static char answer[1 << 20];

static void fail(const char *what) {
	fprintf(stderr, "floor.c: %s\n", what);
	exit(1);
}

static void dial(const char *port) {
	struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *at;
	if (getaddrinfo(host, port, &hints, &at)) fail("resolve");
	int fd = socket(at->ai_family, SOCK_STREAM, 0), on = 1;
	if (fd < 0 || connect(fd, at->ai_addr, at->ai_addrlen)) fail("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	if (!ctx || !SSL_CTX_set_default_verify_paths(ctx)) fail("roots");
	SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
	ssl = SSL_new(ctx);
	X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host);
	SSL_set_fd(ssl, fd);
	if (SSL_connect(ssl) != 1) fail("handshake");
}

/* read_answer reads one answer, with a length or in chunks. */
static void read_answer(void) {
	size_t have = 0;
	char *body = NULL;
	for (;;) {
		int n = SSL_read(ssl, answer + have, sizeof answer - 1 - have);
		if (n <= 0) fail("read");
		have += n;
		answer[have] = 0;
		if (!body && !(body = strstr(answer, "\r\n\r\n"))) continue;
		char *length = strcasestr(answer, "\r\nContent-Length: ");
		size_t after = answer + have - body - 4;
		if (length && length < body ? after >= strtoul(length + 18, NULL, 10) : have > 7 && !memcmp(answer + have - 5, "0\r\n\r\n", 5)) return;
	}
}

static void request(const char *method, const char *path, const char *secret, const char *headers, const char *form) {
	unsigned char plain[1024], basic[2048];
	char text[8192];
	int n = snprintf((char *)plain, sizeof plain, "%s:%s", getenv("JENKINS_USERNAME"), secret);
	EVP_EncodeBlock(basic, plain, n);
	n = snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: %s\r\nAuthorization: Basic %s\r\n%s%s", method, path, host, basic, headers, form ? "" : "\r\n");
	if (form) n += snprintf(text + n, sizeof text - n, "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n\r\n%s", strlen(form), form);
	if (SSL_write(ssl, text, n) != n) fail("write");
	read_answer();
}

/* between copies the text between a mark and an end. */
static void between(const char *mark, char end, char *to, size_t size) {
	char *from = strstr(answer, mark);
	if (!from) fail(mark);
	from += strlen(mark);
	snprintf(to, size, "%.*s", (int)(strchr(from, end) - from), from);
}

int main(int argc, char **argv) {
	char url[256], uuid[64], token[256], form[512], headers[1024] = "";
	snprintf(url, sizeof url, "%s", getenv("JENKINS_URL") + strlen("https://"));
	char *port = strchr(url, ':');
	*port++ = 0;
	host = url;
	dial(port);
	if (argc > 1 && !strcmp(argv[1], "revoke")) {
		FILE *lease = fopen(getenv("LEASE"), "r");
		if (!lease || fscanf(lease, "%63s %255s", uuid, token) != 2) fail("lease");
		request("GET", "/me/security/", token, "", NULL);
		snprintf(form, sizeof form, "tokenUuid=%s", uuid);
		request("POST", ACTIONS "revoke", token, "", form);
	} else {
		const char *secret = getenv("JENKINS_API_TOKEN");
		if (!secret) {
			char crumb[256], cookie[512];
			secret = getenv("JENKINS_PASSWORD");
			request("GET", "/crumbIssuer/api/json", secret, "", NULL);
			between("\"crumb\":\"", '"', crumb, sizeof crumb);
			between("Set-Cookie: ", ';', cookie, sizeof cookie);
			snprintf(headers, sizeof headers, "Jenkins-Crumb: %s\r\nCookie: %s\r\n", crumb, cookie);
		}
		request("POST", ACTIONS "generateNewToken", secret, headers, "newTokenName=floor&expirationDuration=1");
		between("\"tokenUuid\":\"", '"', uuid, sizeof uuid);
		between("\"tokenValue\":\"", '"', token, sizeof token);
		request("GET", "/whoAmI/api/json", token, "", NULL);
		FILE *lease = fopen(getenv("LEASE"), "w");
		if (!lease || fprintf(lease, "%s\n%s", uuid, token) < 0 || fclose(lease)) fail("lease");
	}
	SSL_shutdown(ssl);
	return 0;
}
