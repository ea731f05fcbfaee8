/* spool_survey.h: after a start, finding out where the kept log names which spools.
 *
 * Only the log says so, and it may be long: it is read in the journal's thread, a little at a time,
 * while the store is in use already. Files that it names go over to the journal; the others are
 * removed.
 */
#ifndef DBX_STORE_SPOOL_SURVEY_H
#define DBX_STORE_SPOOL_SURVEY_H

#include <stdint.h>

#include "store/store.h"

typedef struct dbx_spool_survey dbx_spool_survey;

/* dbx_spool_survey_new begins a list of files that no buffer holds. NULL: out of memory. */
dbx_spool_survey *dbx_spool_survey_new(dbx_store *store);
/* dbx_spool_survey_add adds one; without memory it is left for the next start. */
void dbx_spool_survey_add(dbx_spool_survey *survey, uint64_t id);
/* dbx_spool_survey_start hands the list over; the journal must be open. Of an empty one nothing is
 * left. */
void dbx_spool_survey_start(dbx_spool_survey *survey);

#endif
