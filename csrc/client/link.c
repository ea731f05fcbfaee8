/* link.c: see link.h.
 *
 * The owner stops reading from who does not take its replies, so replies are received while there
 * is something left to send.
 */
#include "client/link.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/sockpath.h"
#include "codec/resp_value.h"
#include "codec/resp_write.h"

enum {
    COPY_BYTES_MAX = 16 << 10, /* longer arguments are sent from where they lie */
    PARTS_AT_ONCE = 64,
    RECEIVE_BYTES = 16 << 10,
    KEEP_BYTES = 64 << 10 /* of a request's buffer */
};

/* A piece of the request: `len` bytes of `head` from `from` on, or of the caller's memory. */
typedef struct part {
    const uint8_t *ptr; /* NULL: of head */
    size_t from, len;
} part;

struct dbx_link {
    int fd;
    pid_t pid;
    dbx_buf head;
    part *parts;
    size_t part_count, part_cap;
    size_t head_done; /* bytes of head that parts have */

    /* The exchange. */
    size_t part_next, part_sent; /* parts[part_next] from part_sent on is to be sent */
    bool any_sent;
    size_t replies;  /* still to come */
    size_t received; /* bytes of `out` that were read as replies */
    dbx_value_reader reader;
};

/* --- Opening
 * ------------------------------------------------------------------------------------------- */

static int connect_to(const char *path, dbx_error *error) {
    dbx_sockpath at;
    int rc = dbx_sockpath_open(path, &at, error);
    if (rc != DBX_OK) return rc;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&at.address, sizeof at.address) != 0) {
        bool nobody = errno == ENOENT || errno == ECONNREFUSED || errno == EAGAIN;
        rc = dbx_error_set(error, nobody ? DBX_ENOTFOUND : DBX_EIO, "cannot connect to %s: %s",
                           path, strerror(errno));
        if (fd >= 0) (void)close(fd);
    }
    dbx_sockpath_close(&at);
    return rc == DBX_OK ? fd : rc;
}

int dbx_link_open(const char *path, dbx_link **out, dbx_error *error) {
    int fd = connect_to(path, error);
    if (fd < 0) return fd;
    dbx_link *link = dbx_alloc_zero(1, sizeof *link);
    if (link == NULL) {
        (void)close(fd);
        return dbx_error_set(error, DBX_ENOMEM, "out of memory");
    }
    link->fd = fd;
    link->pid = getpid();
    *out = link;
    return DBX_OK;
}

void dbx_link_close(dbx_link *link) {
    if (link == NULL) return;
    (void)close(link->fd);
    dbx_buf_free(&link->head);
    dbx_alloc_free(link->parts);
    dbx_alloc_free(link);
}

/* --- The request
 * ------------------------------------------------------------------------------------------- */

static void forget_request(dbx_link *link) {
    link->part_count = link->head_done = link->head.len = 0;
    dbx_buf_shrink(&link->head, link->head.failed ? 0 : KEEP_BYTES);
    link->head.failed = false;
}

static int add_part(dbx_link *link, const uint8_t *ptr, size_t from, size_t len) {
    part *parts = dbx_alloc_room(link->parts, &link->part_cap, link->part_count + 1, sizeof *parts);
    if (parts == NULL) return DBX_ENOMEM;
    link->parts = parts;
    parts[link->part_count++] = (part){ptr, from, len};
    return DBX_OK;
}

/* What was copied since the last part. */
static int end_part(dbx_link *link) {
    size_t from = link->head_done, len = link->head.len - from;
    link->head_done = link->head.len;
    return len > 0 ? add_part(link, NULL, from, len) : DBX_OK;
}

static int put_long(dbx_link *link, size_t argc, const dbx_slice *argv) {
    int rc = DBX_OK;
    dbx_resp_length(&link->head, '*', argc);
    for (size_t i = 0; i < argc && rc == DBX_OK; i++) {
        dbx_resp_length(&link->head, '$', argv[i].len);
        if (argv[i].len <= COPY_BYTES_MAX) {
            dbx_buf_add(&link->head, argv[i].ptr, argv[i].len);
        } else {
            rc = end_part(link);
            if (rc == DBX_OK) rc = add_part(link, argv[i].ptr, 0, argv[i].len);
        }
        dbx_buf_str(&link->head, "\r\n");
    }
    return rc;
}

int dbx_link_put(dbx_link *link, size_t argc, const dbx_slice *argv) {
    size_t longest = 0;
    int rc = DBX_OK;
    for (size_t i = 0; i < argc; i++)
        longest = argv[i].len > longest ? argv[i].len : longest;
    if (longest <= COPY_BYTES_MAX) {
        dbx_resp_command(&link->head, argc, argv);
    } else {
        rc = put_long(link, argc, argv);
    }
    if (rc == DBX_OK && !link->head.failed) return DBX_OK;
    forget_request(link); /* half a command must not go before the next one */
    return DBX_ENOMEM;
}

/* --- The exchange
 * ------------------------------------------------------------------------------------------ */

static size_t fill(const dbx_link *link, struct iovec iov[PARTS_AT_ONCE]) {
    size_t count = 0, skip = link->part_sent;
    for (size_t i = link->part_next; i < link->part_count && count < PARTS_AT_ONCE; i++) {
        const part *p = &link->parts[i];
        const uint8_t *ptr = p->ptr != NULL ? p->ptr : link->head.ptr + p->from;
        iov[count++] =
            (struct iovec){.iov_base = (void *)(uintptr_t)(ptr + skip), .iov_len = p->len - skip};
        skip = 0;
    }
    return count;
}

static void advance(dbx_link *link, size_t n) {
    link->any_sent = true;
    while (n > 0) {
        size_t left = link->parts[link->part_next].len - link->part_sent;
        size_t step = n < left ? n : left;
        link->part_sent += step;
        n -= step;
        if (step < left) continue;
        link->part_next++;
        link->part_sent = 0;
    }
}

/* Sends what the socket takes; 0, or what the exchange comes to. */
static int send_some(dbx_link *link, dbx_error *error) {
    while (link->part_next < link->part_count) {
        struct iovec iov[PARTS_AT_ONCE];
        struct msghdr message = {.msg_iov = iov};
        message.msg_iovlen = fill(link, iov);
        ssize_t n = sendmsg(link->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n >= 0) {
            advance(link, (size_t)n);
        } else if (errno == EAGAIN || errno == EINTR) {
            return DBX_OK;
        } else if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) {
            return link->any_sent ? DBX_LINK_LOST : DBX_LINK_UNSENT;
        } else {
            return dbx_error_set(error, DBX_EIO, "cannot send to the owner: %s", strerror(errno));
        }
    }
    return DBX_OK;
}

/* The reader only has to find the ends of replies. */
static int see_text(void *arg, char type, dbx_slice bytes) {
    (void)arg, (void)type, (void)bytes;
    return DBX_OK;
}

static int see_integer(void *arg, int64_t value) {
    (void)arg, (void)value;
    return DBX_OK;
}

static int see_real(void *arg, double value) {
    (void)arg, (void)value;
    return DBX_OK;
}

static int see_boolean(void *arg, bool value) {
    (void)arg, (void)value;
    return DBX_OK;
}

static int see_null(void *arg) {
    (void)arg;
    return DBX_OK;
}

static int see_border(void *arg, char type, size_t count) {
    (void)arg, (void)type, (void)count;
    return DBX_OK;
}

static const dbx_value_ops ends_only = {see_text, see_integer, see_real,  see_boolean,
                                        see_null, see_border,  see_border};

static int count_replies(dbx_link *link, const dbx_buf *out, dbx_error *error) {
    while (link->replies > 0) {
        size_t consumed;
        int rc = dbx_value_read(&link->reader, out->ptr + link->received, out->len - link->received,
                                &consumed);
        link->received += consumed;
        if (rc == 0) return DBX_OK;
        if (rc < 0) {
            return dbx_error_set(error, DBX_EINVAL, "the owner does not answer in RESP: %s",
                                 link->reader.error != NULL ? link->reader.error : "unreadable");
        }
        link->replies--;
    }
    return DBX_OK;
}

static int receive_some(dbx_link *link, dbx_buf *out, int flags, dbx_error *error) {
    size_t wanted = dbx_value_wants(&link->reader);
    if (wanted < RECEIVE_BYTES) wanted = RECEIVE_BYTES;
    uint8_t *at = dbx_buf_reserve(out, wanted);
    if (at == NULL) return dbx_error_set(error, DBX_ENOMEM, "no memory for the reply");
    ssize_t n = recv(link->fd, at, out->cap - out->len, flags);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return DBX_OK;
    if (n == 0 || (n < 0 && errno == ECONNRESET)) return DBX_LINK_LOST;
    if (n < 0)
        return dbx_error_set(error, DBX_EIO, "cannot read from the owner: %s", strerror(errno));
    out->len += (size_t)n;
    return count_replies(link, out, error);
}

/* One step: sends what can be sent, else receives what has come, else waits. */
static int step(dbx_link *link, dbx_buf *out, dbx_error *error) {
    int rc = send_some(link, error);
    if (rc != DBX_OK) return rc;
    errno = 0;
    if (link->part_next == link->part_count) return receive_some(link, out, 0, error);
    struct pollfd ready = {.fd = link->fd, .events = POLLIN | POLLOUT};
    if (poll(&ready, 1, -1) <= 0 || (ready.revents & POLLIN) == 0) return DBX_OK;
    return receive_some(link, out, MSG_DONTWAIT, error);
}

static void begin(dbx_link *link, size_t replies, const dbx_buf *out) {
    link->part_next = link->part_sent = 0;
    link->any_sent = false;
    link->replies = replies;
    link->received = out->len;
    dbx_value_init(&link->reader, &ends_only, NULL);
}

int dbx_link_exchange(dbx_link *link, size_t replies, dbx_buf *out, bool (*interrupted)(void *arg),
                      void *arg, dbx_error *error) {
    if (link->pid != getpid()) return DBX_LINK_UNSENT;
    int rc = end_part(link);
    begin(link, replies, out);
    if (rc < 0) (void)dbx_error_set(error, rc, "out of memory");
    while (rc == DBX_OK && link->replies > 0) {
        rc = step(link, out, error);
        if (rc == DBX_OK && errno == EINTR && interrupted != NULL && interrupted(arg))
            rc = DBX_LINK_INTERRUPTED;
    }
    /* Replies that were not taken are not the next command's. */
    if (rc < 0 && link->any_sent) (void)shutdown(link->fd, SHUT_RDWR);
    forget_request(link);
    return rc;
}
