/* info.c: which sections INFO prints, and in what order; see info.h. */
#include "engine/info.h"

#include <string.h>

#include "engine/state.h"

enum { IN_DEFAULT = 1, IN_ALL = 2 };

static void modules(dbx_engine *engine, dbx_buf *out) {
    (void)engine;
    dbx_buf_str(out, "# Modules\r\n");
}

static void cluster(dbx_engine *engine, dbx_buf *out) {
    (void)engine;
    dbx_buf_str(out, "# Cluster\r\ncluster_enabled:0\r\n");
}

static const struct section {
    const char *name, *alias;
    unsigned sets;
    dbx_info_fn *print;
} sections[] = {{"server", NULL, IN_DEFAULT | IN_ALL, dbx_info_server},
                {"clients", NULL, IN_DEFAULT | IN_ALL, dbx_info_clients},
                {"memory", NULL, IN_DEFAULT | IN_ALL, dbx_info_memory},
                {"persistence", NULL, IN_DEFAULT | IN_ALL, dbx_info_persistence},
                {"threads", NULL, IN_DEFAULT | IN_ALL, dbx_info_threads},
                {"stats", NULL, IN_DEFAULT | IN_ALL, dbx_info_stats},
                {"replication", NULL, IN_DEFAULT | IN_ALL, dbx_info_replication},
                {"cpu", NULL, IN_DEFAULT | IN_ALL, dbx_info_cpu},
                {"modules", "module_list", IN_DEFAULT | IN_ALL, modules},
                {"commandstats", NULL, IN_ALL, dbx_info_commandstats},
                {"errorstats", NULL, IN_DEFAULT | IN_ALL, dbx_info_errorstats},
                {"latencystats", NULL, IN_ALL, dbx_info_latencystats},
                {"cluster", NULL, IN_DEFAULT | IN_ALL, cluster},
                {"keyspace", NULL, IN_DEFAULT | IN_ALL, dbx_info_keyspace},
                {"store", NULL, IN_DEFAULT | IN_ALL, dbx_info_store}};

enum { SECTIONS = sizeof sections / sizeof sections[0] };

static bool named(const char *name, dbx_slice text) {
    return name != NULL && dbx_slice_eq_nocase(dbx_slice_str(name), text);
}

static void choose(dbx_slice name, bool chosen[SECTIONS]) {
    unsigned set = named("default", name) ? IN_DEFAULT : 0;
    if (named("all", name) || named("everything", name)) set = IN_ALL;
    for (size_t i = 0; i < SECTIONS; i++) {
        if ((sections[i].sets & set) != 0 || named(sections[i].name, name) ||
            named(sections[i].alias, name)) {
            chosen[i] = true;
        }
    }
}

void dbx_info_print(dbx_engine *engine, const dbx_slice *names, size_t count, dbx_buf *out) {
    bool chosen[SECTIONS] = {false};
    for (size_t i = 0; i < count; i++)
        choose(names[i], chosen);
    if (count == 0) choose(dbx_slice_str("default"), chosen);
    for (size_t i = 0; i < SECTIONS; i++) {
        if (!chosen[i]) continue;
        if (out->len > 0) dbx_buf_str(out, "\r\n");
        sections[i].print(engine, out);
    }
}

void dbx_info_human(dbx_buf *out, uint64_t bytes) {
    static const char units[] = "KMGTP";
    double amount = (double)bytes;
    size_t unit = 0;
    if (bytes < 1024) {
        dbx_buf_printf(out, "%uB", (unsigned)bytes);
        return;
    }
    for (amount /= 1024; amount >= 1024 && unit + 2 < sizeof units; unit++)
        amount /= 1024;
    dbx_buf_printf(out, "%.2f%c", amount, units[unit]);
}
