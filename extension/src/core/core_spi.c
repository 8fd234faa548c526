/*
 * core_spi.c
 *		The one place where statements are run: constant ones with saved plans.
 *
 * A room keeps its statements as static CrmStatement values.  The plan is made once a
 * backend and kept; SPI's own invalidation replans it when tables change.  The caller
 * connects first, reads the answer by row and column, and ends with SPI_finish().
 */
#include "core/core.h"

#include "executor/spi.h"

void
crm_core_spi_connect(void)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not connect to SPI")));
}

/* A value of the last answer, rows from 0 and columns from 1; it goes with SPI_finish(). */
Datum
crm_core_spi_value(uint64 row, int column, bool *is_null)
{
	return SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column, is_null);
}

/* The same as text; NULL for a null. */
char *
crm_core_spi_text(uint64 row, int column)
{
	return SPI_getvalue(SPI_tuptable->vals[row], SPI_tuptable->tupdesc, column);
}

int
crm_core_spi_execute(CrmStatement *statement, Datum *values, const char *nulls,
					 bool read_only, long limit)
{
	int			code;

	if (statement->plan == NULL)
	{
		SPIPlanPtr	plan = SPI_prepare(statement->sql, statement->n_args,
									   unconstify(Oid *, statement->arg_types));

		if (plan == NULL)
			ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
							errmsg("could not prepare statement \"%s\": %s", statement->name,
								   SPI_result_code_string(SPI_result))));
		SPI_keepplan(plan);
		statement->plan = plan;
	}
	code = SPI_execute_plan((SPIPlanPtr) statement->plan, values, nulls, read_only, limit);
	if (code < 0)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("could not execute statement \"%s\": %s", statement->name,
							   SPI_result_code_string(code))));
	return code;
}

/* A statement kept as data (a job's): planned each time, no values.  name is for messages. */
void
crm_core_spi_execute_text(const char *sql, const char *name)
{
	int			code = SPI_execute(sql, false, 0);

	if (code < 0)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("could not execute the statement of \"%s\": %s", name,
							   SPI_result_code_string(code))));
}

/* The exception: a statement over a relation that its user names (a pull); values are still $n. */
int
crm_core_spi_query(const char *sql, int n_args, const Oid *arg_types, Datum *values, long limit)
{
	int			code = SPI_execute_with_args(sql, n_args, unconstify(Oid *, arg_types), values, NULL,
											 true, limit);

	if (code != SPI_OK_SELECT)
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR),
						errmsg("could not read a relation: %s", SPI_result_code_string(code))));
	return code;
}

/* A cursor over a query that somebody wrote; it can only read. */
Portal
crm_core_spi_open(const char *sql)
{
	SPIPlanPtr	plan = SPI_prepare(sql, 0, NULL);

	if (plan == NULL)
		ereport(ERROR, (errcode(ERRCODE_SYNTAX_ERROR), errmsg("query cannot be prepared"),
						errhint("Give one SELECT statement.")));
	return SPI_cursor_open(NULL, plan, NULL, NULL, true);
}
