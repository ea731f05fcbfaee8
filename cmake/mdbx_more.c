/* mdbx_more.c: what DBX adds to libmdbx: this file is appended to the copy of mdbx.c that is
 * compiled, for it needs what is static there. It changes nothing of libmdbx's own;
 * csrc/store/squeeze.c declares and uses it.
 *
 * This release takes lists of unused pages in as it needs pages, one after the other. A file can be
 * cut off only where all pages behind a place are known to be unused, so a transaction that is to
 * make it shorter has to know them all, and which pages entries lie in. */

#define DBX_HIDDEN __attribute__((visibility("hidden")))

/* Takes all lists in that no reader needs any more; then those at the end of what is used count as
 * never used. *now, *end, *unused: pages of the file; pages up to the last that is used; of these,
 * unused ones that the transaction may use. */
DBX_HIDDEN int dbx_squeeze_mdbx_load_unused(MDBX_cursor *mc, uint32_t *now, uint32_t *end,
                                            uint32_t *unused) {
    MDBX_txn *const txn = mc->txn;
    int rc = cursor_check_rw(mc);
    while (rc == MDBX_SUCCESS)
        rc = gc_alloc_ex(mc, 0, ALLOC_RESERVE | ALLOC_UNIMPORTANT).err;
    *now = txn->geo.end_pgno;
    *end = txn->geo.first_unallocated;
    *unused = (uint32_t)MDBX_PNL_GETSIZE(txn->tw.repnl);
    return rc == MDBX_NOTFOUND ? MDBX_SUCCESS : rc;
}

/* Where the first unused pages are of which `pages` follow each other: where the next allocation
 * of as many would be. 0: there are none. */
DBX_HIDDEN uint32_t dbx_squeeze_mdbx_lowest_unused(const MDBX_txn *txn, uint32_t pages) {
    const size_t len = MDBX_PNL_GETSIZE(txn->tw.repnl);
    pgno_t *const edge = MDBX_PNL_EDGE(txn->tw.repnl);
    if (len < pages || pages == 0) return 0;
    if (pages == 1 || edge[-(ptrdiff_t)(pages - 1)] - *edge == pages - 1) return *edge;
    const pgno_t *const target = scan4seq_impl(edge, len, pages - 1);
    return target ? *target : 0;
}

/* The pages of the entry that the cursor stands on: the highest on the way from the root to it, and
 * of a value that has pages of its own the first and how many; 0: it has none. */
DBX_HIDDEN void dbx_squeeze_mdbx_entry_pages(const MDBX_cursor *mc, uint32_t *tree, uint32_t *large,
                                             uint32_t *large_pages) {
    const node_t *const node = page_node(mc->pg[mc->top], mc->ki[mc->top]);
    *tree = *large = *large_pages = 0;
    for (intptr_t i = 0; i <= mc->top; i++)
        if (mc->pg[i]->pgno > *tree) *tree = mc->pg[i]->pgno;
    if (node_flags(node) & N_BIG) {
        *large = node_largedata_pgno(node);
        *large_pages = (uint32_t)largechunk_npages(mc->txn->env, node_ds(node));
    }
}

/* Has the cursor's page, and those above it, written elsewhere: where the lowest unused pages are.
 */
DBX_HIDDEN int dbx_squeeze_mdbx_touch(MDBX_cursor *mc) {
    int rc = cursor_check_rw(mc);
    if (rc == MDBX_SUCCESS && !is_filled(mc)) rc = MDBX_ENODATA;
    return rc == MDBX_SUCCESS ? cursor_touch(mc, nullptr, nullptr) : rc;
}
