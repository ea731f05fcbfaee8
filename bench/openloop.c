/* openloop.c: a load generator whose latency counts from when a command should have been sent.
 *
 * A closed-loop client waits for a slow reply before it sends more, and so measures one slow reply
 * where real clients would have met a thousand. Here commands are due at fixed times, whatever the
 * server does, and a late one is late from its due time on ("coordinated omission" avoided). With
 * rate 0 it is a closed loop for a fixed time instead, to find the peak rate.
 *
 * openloop PORT CONNECTIONS RATE PIPELINE SECONDS KEYS SET_PERCENT VALUE_BYTES
 * prints one JSON object.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum {
    CONNECTIONS_MAX = 10000,
    PIPELINE_MAX = 1024,
    VALUE_MAX = 4096,
    PENDING_MAX = 1 << 16, /* batches in flight on one connection */
    OUT_MAX = 1 << 22,     /* unsent bytes of one connection */
    IN_BYTES = 1 << 16,
    SUB_BUCKETS = 128, /* a histogram good to 1 % */
    BUCKETS = 64 * SUB_BUCKETS,
    EVENTS = 256,
    NS = 1000000000
};

typedef struct batch {
    int64_t due_ns;
    unsigned left; /* replies still to come */
} batch;

typedef struct connection {
    int fd;
    batch *pending; /* ring of PENDING_MAX */
    size_t head, tail;
    uint8_t *out;
    size_t out_len, out_sent;
    bool want_write;
    /* the reply parser */
    char line[64];
    size_t line_len;
    int64_t skip; /* bytes of a bulk, with its CRLF, still to be skipped */
} connection;

static struct {
    int port, connections, pipeline, set_percent, value_bytes;
    double rate, seconds;
    uint64_t keys;
    int epoll;
    connection *all;
    uint64_t histogram[BUCKETS];
    uint64_t done, errors, sent;
    int64_t latency_max_ns, begin_ns, end_ns;
    uint64_t seed;
} app;

static void die(const char *what) {
    fprintf(stderr, "openloop: %s: %s\n", what, strerror(errno));
    exit(1);
}

static int64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * NS + t.tv_nsec;
}

static uint64_t random64(void) { /* splitmix64 */
    uint64_t z = app.seed += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* --- Latencies: buckets of 1/128 of a power of two --- */

static size_t bucket_of(uint64_t ns) {
    if (ns < SUB_BUCKETS) return (size_t)ns;
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - 7u;
    return (size_t)((shift + 1) * SUB_BUCKETS + ((ns >> shift) - SUB_BUCKETS));
}

static double bucket_us(size_t bucket) {
    if (bucket < SUB_BUCKETS) return (double)bucket / 1e3;
    size_t shift = bucket / SUB_BUCKETS - 1;
    return (double)((bucket % SUB_BUCKETS + SUB_BUCKETS) << shift) / 1e3;
}

static void record(int64_t latency_ns) {
    app.histogram[bucket_of((uint64_t)(latency_ns < 0 ? 0 : latency_ns))]++;
    if (latency_ns > app.latency_max_ns) app.latency_max_ns = latency_ns;
    app.done++;
}

static double percentile_us(double part) {
    uint64_t wanted = (uint64_t)((double)app.done * part), seen = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        seen += app.histogram[i];
        if (seen > wanted) return bucket_us(i);
    }
    return (double)app.latency_max_ns / 1e3;
}

/* --- Sending --- */

static size_t write_command(uint8_t *at) {
    char value[VALUE_MAX];
    uint64_t key = random64() % app.keys;
    if ((int)(random64() % 100) >= app.set_percent)
        return (size_t)sprintf((char *)at, "*2\r\n$3\r\nGET\r\n$16\r\nkey:%012llu\r\n",
                               (unsigned long long)key);
    for (int i = 0; i < app.value_bytes; i++)
        value[i] = (char)('a' + random64() % 26);
    return (size_t)sprintf((char *)at, "*3\r\n$3\r\nSET\r\n$16\r\nkey:%012llu\r\n$%d\r\n%.*s\r\n",
                           (unsigned long long)key, app.value_bytes, app.value_bytes, value);
}

static void watch(connection *c, bool write) {
    struct epoll_event event = {.events = EPOLLIN | (write ? (unsigned)EPOLLOUT : 0u),
                                .data.ptr = c};
    if (epoll_ctl(app.epoll, EPOLL_CTL_MOD, c->fd, &event) != 0) die("epoll_ctl");
    c->want_write = write;
}

static void flush(connection *c) {
    while (c->out_sent < c->out_len) {
        ssize_t n = write(c->fd, c->out + c->out_sent, c->out_len - c->out_sent);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && errno == EAGAIN) break;
        if (n <= 0) die("write");
        c->out_sent += (size_t)n;
    }
    if (c->out_sent == c->out_len) c->out_sent = c->out_len = 0;
    if ((c->out_len > 0) != c->want_write) watch(c, c->out_len > 0);
}

static void send_batch(connection *c, int64_t due_ns) {
    size_t need = (size_t)app.pipeline * (size_t)(app.value_bytes + 80);
    if (c->tail - c->head >= PENDING_MAX || c->out_len + need > OUT_MAX) {
        app.errors += (uint64_t)app.pipeline; /* hopelessly behind: counted, not hidden */
        return;
    }
    for (int i = 0; i < app.pipeline; i++)
        c->out_len += write_command(c->out + c->out_len);
    c->pending[c->tail++ % PENDING_MAX] = (batch){due_ns, (unsigned)app.pipeline};
    app.sent += (uint64_t)app.pipeline;
    flush(c);
}

/* --- Receiving --- */

static void reply_done(connection *c, int64_t now) {
    batch *b = &c->pending[c->head % PENDING_MAX];
    record(now - b->due_ns);
    if (--b->left > 0) return;
    c->head++;
    if (app.rate == 0 && now < app.end_ns) send_batch(c, now);
}

static void line_done(connection *c, int64_t now) {
    c->line[c->line_len] = '\0';
    c->line_len = 0;
    if (c->line[0] == '-') app.errors++;
    if (c->line[0] == '$') {
        long long n = atoll(c->line + 1);
        if (n >= 0) {
            c->skip = n + 2;
            return;
        }
    }
    reply_done(c, now);
}

static void receive(connection *c) {
    static char in[IN_BYTES];
    ssize_t n = read(c->fd, in, sizeof in);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) die("the server closed a connection");
    int64_t now = now_ns();
    for (ssize_t i = 0; i < n;) {
        if (c->skip > 0) {
            int64_t part = n - i < c->skip ? n - i : c->skip;
            i += part;
            c->skip -= part;
            if (c->skip == 0) reply_done(c, now);
        } else if (in[i] == '\n') {
            line_done(c, now);
            i++;
        } else {
            if (in[i] != '\r' && c->line_len < sizeof c->line - 1) c->line[c->line_len++] = in[i];
            i++;
        }
    }
}

/* --- Running --- */

static void connect_all(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)app.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    app.all = calloc((size_t)app.connections, sizeof *app.all);
    if (app.all == NULL) die("calloc");
    for (int i = 0; i < app.connections; i++) {
        connection *c = &app.all[i];
        int one = 1;
        c->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0)
            die("connect");
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        fcntl(c->fd, F_SETFL, O_NONBLOCK);
        c->pending = malloc(PENDING_MAX * sizeof *c->pending);
        c->out = malloc(OUT_MAX);
        if (c->pending == NULL || c->out == NULL) die("malloc");
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
        if (epoll_ctl(app.epoll, EPOLL_CTL_ADD, c->fd, &event) != 0) die("epoll_ctl");
    }
}

static int64_t due_at(uint64_t n) {
    return app.begin_ns + (int64_t)((double)n * app.pipeline / app.rate * NS);
}

/* Sends what is due and sets the timer for what comes next; false when all has been sent. */
static bool send_due(int timer, uint64_t *next) {
    int64_t now = now_ns();
    while (due_at(*next) <= now && due_at(*next) < app.end_ns) {
        send_batch(&app.all[*next % (uint64_t)app.connections], due_at(*next));
        (*next)++;
    }
    if (due_at(*next) >= app.end_ns) return false;
    int64_t due = due_at(*next);
    struct itimerspec when = {.it_value = {due / NS, due % NS}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &when, NULL);
    return true;
}

static void run(void) {
    struct epoll_event events[EVENTS];
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    if (timer < 0 || epoll_ctl(app.epoll, EPOLL_CTL_ADD, timer, &event) != 0) die("timerfd");
    uint64_t next = 0;
    bool sending = true;
    app.begin_ns = now_ns();
    app.end_ns = app.begin_ns + (int64_t)(app.seconds * NS);
    for (int i = 0; app.rate == 0 && i < app.connections; i++)
        send_batch(&app.all[i], now_ns());
    int64_t give_up = app.end_ns + 30ll * NS;
    while (sending || app.done < app.sent) {
        if (app.rate > 0 && sending) sending = send_due(timer, &next);
        if (app.rate == 0 && now_ns() >= app.end_ns) sending = false;
        if (now_ns() > give_up) break;
        int n = epoll_wait(app.epoll, events, EVENTS, 100);
        if (n < 0 && errno != EINTR) die("epoll_wait");
        for (int i = 0; i < n; i++) {
            connection *c = events[i].data.ptr;
            uint64_t ticks;
            if (c == NULL) {
                if (read(timer, &ticks, sizeof ticks) < 0 && errno != EAGAIN) die("timerfd");
                continue;
            }
            if (events[i].events & EPOLLOUT) flush(c);
            if (events[i].events & EPOLLIN) receive(c);
        }
    }
}

int main(int argc, char **argv) {
    if (argc != 9) {
        fprintf(stderr, "usage: openloop PORT CONNECTIONS RATE PIPELINE SECONDS KEYS SET_PERCENT"
                        " VALUE_BYTES\n");
        return 2;
    }
    app.port = atoi(argv[1]);
    app.connections = atoi(argv[2]);
    app.rate = atof(argv[3]);
    app.pipeline = atoi(argv[4]);
    app.seconds = atof(argv[5]);
    app.keys = strtoull(argv[6], NULL, 10);
    app.set_percent = atoi(argv[7]);
    app.value_bytes = atoi(argv[8]);
    if (app.connections < 1 || app.connections > CONNECTIONS_MAX || app.pipeline < 1 ||
        app.pipeline > PIPELINE_MAX || app.keys < 1 || app.value_bytes < 0 ||
        app.value_bytes > VALUE_MAX) {
        fprintf(stderr, "openloop: an argument is out of range\n");
        return 2;
    }
    app.seed = (uint64_t)now_ns();
    app.epoll = epoll_create1(0);
    if (app.epoll < 0) die("epoll_create1");
    connect_all();
    run();
    double seconds = (double)(now_ns() - app.begin_ns) / NS;
    printf("{\"operations\": %llu, \"errors\": %llu, \"unanswered\": %llu, \"seconds\": %.3f,"
           " \"rate\": %.0f, \"p50_us\": %.1f, \"p99_us\": %.1f, \"p999_us\": %.1f,"
           " \"max_us\": %.1f}\n",
           (unsigned long long)app.done, (unsigned long long)app.errors,
           (unsigned long long)(app.sent - app.done), seconds, (double)app.done / seconds,
           percentile_us(0.5), percentile_us(0.99), percentile_us(0.999),
           (double)app.latency_max_ns / 1e3);
    return 0;
}
