/*
 * outbox_secret.c
 *		Secrets of vendors from files, so that no statement holds them.
 *
 * A statement may be logged, shown in views of activity and kept in a shell's history.  A secret given as
 * {"file": "name"} is read here, from a folder that only the server's administrator fills, and sealed with
 * the endpoint; the file may go afterwards.
 */
#include "outbox/outbox.h"

#include "core/core.h"

#include <sys/stat.h>
#include <unistd.h>

#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#define MAX_SECRET 1000
#define MAX_NAME 64

static char *secret_folder = NULL;

PG_FUNCTION_INFO_V1(crm_outbox_secret);

void
crm_outbox_secret_init(void)
{
	DefineCustomStringVariable("crm.outbox_secret_folder",
							   "Folder of the files from which secrets of endpoints are read.",
							   "A relative name lies in the data directory.",
							   &secret_folder, "crm_secrets", PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   NULL, NULL, NULL);
}

/* A name is one of the folder's own files: no way leads out of it. */
static bool
is_name(const char *name)
{
	size_t		length = strlen(name);

	return length > 0 && length <= MAX_NAME && name[0] != '.' &&
		strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == length;
}

/* The first line of a file that nobody else may read; NULL when there is none, *why says so. */
static char *
read_secret(const char *path, const char **why)
{
	char	   *text = palloc(MAX_SECRET + 2);
	struct stat about;
	int			length = -1;
	int			fd = OpenTransientFile(path, O_RDONLY | PG_BINARY);

	*why = "there is no such file, or the server may not read it";
	if (fd < 0)
		return NULL;
	if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode) && (about.st_mode & S_IRWXO) == 0)
		length = read(fd, text, MAX_SECRET + 1);
	else
		*why = "it is no plain file, or everybody may read it";
	CloseTransientFile(fd);
	if (length < 0)
		return NULL;
	text[length] = '\0';
	text[strcspn(text, "\r\n")] = '\0';
	*why = "its first line is empty or too long";
	return text[0] != '\0' && strlen(text) <= MAX_SECRET ? text : NULL;
}

/* crm._outbox_secret(name): the first line of a file of the folder. */
Datum
crm_outbox_secret(PG_FUNCTION_ARGS)
{
	char	   *name = text_to_cstring(PG_GETARG_TEXT_PP(0));
	const char *why = "a name has letters, digits, dots, hyphens and underscores, at most 64";
	char	   *secret = NULL;

	if (is_name(name))
		secret = read_secret(is_absolute_path(secret_folder) ? psprintf("%s/%s", secret_folder, name) :
							 psprintf("%s/%s/%s", DataDir, secret_folder, name), &why);
	if (secret == NULL)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("secret file \"%s\" cannot be used: %s", name, why),
						errhint("Put one line into a file of crm.outbox_secret_folder that belongs to the server's user, mode 600."),
						crm_errfield("secrets")));
	PG_RETURN_TEXT_P(cstring_to_text(secret));
}
