/*
 * core_keys.c
 *		The installation's keys: keyed hashes for look-up, encryption of clear values.
 *
 * The key file (crm.access_key_file, by default crm_keys in the data directory, so that a base
 * backup carries it and a dump never does) holds lines "hash ID HEX" and "encrypt ID HEX".
 * The hash key is for ever: changing it would make every stored look-up hash wrong.  Of the
 * encryption keys the last line encrypts, the others still decrypt: rotation is one more line
 * and a reload.  crm.install() makes the file with random keys when it makes its first table; nothing
 * else ever does, so that a restored database without its file refuses to work and cannot be
 * filled under keys that are not its own.
 *
 * A hash is HMAC-SHA256(key, purpose 0x00 value), cut to 16 bytes.  A cipher text is
 * AES-256-GCM: version 1, key id, 12 bytes nonce, data, 16 bytes tag; the purpose is
 * authenticated too, so a phone's cipher text cannot stand in for an address.
 *
 * Keys live in static memory of the backend; the file is read again after a reload, of whatever settings: the file changes
 * where no setting does.
 */
#include "core/core.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/evp.h>

#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/fd.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#define KEY_LENGTH 32
#define NONCE_LENGTH 12
#define TAG_LENGTH 16
#define CIPHER_VERSION 1
#define MAX_KEYS 16
#define MAX_KEY_FILE (64 * 1024)
#define LINE_FORM "A line is \"hash\" or \"encrypt\", an id of 1 to 255, and 64 hexadecimal digits."

typedef struct Key
{
	uint8		id;
	uint8		bytes[KEY_LENGTH];
} Key;

static char *key_file = NULL;
static bool keys_loaded = false;
static TimestampTz keys_of_reload = 0;	/* the reload they were read after */
static Key	hash_key;
static bool has_hash_key = false;
static Key	encrypt_keys[MAX_KEYS];
static int	n_encrypt_keys = 0;
static EVP_MAC_CTX *mac = NULL;

PG_FUNCTION_INFO_V1(crm_make_keys);
PG_FUNCTION_INFO_V1(crm_keyed_hash);
PG_FUNCTION_INFO_V1(crm_encrypt);
PG_FUNCTION_INFO_V1(crm_decrypt);
PG_FUNCTION_INFO_V1(crm_sha256);
PG_FUNCTION_INFO_V1(crm_random_bytes);
PG_FUNCTION_INFO_V1(crm_hmac);

void
crm_core_keys_init(void)
{
	DefineCustomStringVariable("crm.access_key_file",
							   "File with the keys for hashes and encryption of personal values.",
							   "A relative name lies in the data directory.",
							   &key_file, "crm_keys", PGC_SIGHUP, GUC_SUPERUSER_ONLY,
							   NULL, NULL, NULL);
}

static char *
key_path(void)
{
	return is_absolute_path(key_file) ? pstrdup(key_file) : psprintf("%s/%s", DataDir, key_file);
}

static void
append_random_key(StringInfo text, const char *use)
{
	uint8		bytes[KEY_LENGTH];

	if (!pg_strong_random(bytes, KEY_LENGTH))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random keys")));
	appendStringInfo(text, "%s 1 ", use);
	for (int i = 0; i < KEY_LENGTH; i++)
		appendStringInfo(text, "%02x", bytes[i]);
	appendStringInfoChar(text, '\n');
	explicit_bzero(bytes, KEY_LENGTH);
}

/* Writes a file of the process's own and links it into place: of two racing backends one wins. */
static void
create_key_file(const char *path)
{
	StringInfoData text;
	char	   *own = psprintf("%s.%d", path, MyProcPid);
	int			fd;
	bool		written;

	initStringInfo(&text);
	appendStringInfoString(&text, "# Keys of crm. Keep a copy apart from the dumps of the database:\n"
						   "# without it the encrypted values cannot be read and nobody can be looked up.\n");
	append_random_key(&text, "hash");
	append_random_key(&text, "encrypt");
	fd = OpenTransientFilePerm(own, O_CREAT | O_EXCL | O_WRONLY | PG_BINARY, S_IRUSR | S_IWUSR);
	written = fd >= 0 && write(fd, text.data, text.len) == text.len && pg_fsync(fd) == 0;
	if (fd >= 0)
		CloseTransientFile(fd);
	explicit_bzero(text.data, text.len);
	if (!written || (link(own, path) != 0 && errno != EEXIST))
		ereport(ERROR, (errcode_for_file_access(),
						errmsg("could not create key file \"%s\": %m", path)));
	unlink(own);
	fsync_fname(DataDir, true);
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 :
		c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool
parse_key(const char *hex, uint8 *bytes)
{
	for (int i = 0; i < KEY_LENGTH; i++)
	{
		int			high = hex_digit(hex[2 * i]);
		int			low = high < 0 ? -1 : hex_digit(hex[2 * i + 1]);

		if (low < 0)
			return false;
		bytes[i] = (uint8) (high << 4 | low);
	}
	return hex[2 * KEY_LENGTH] == '\0';
}

static void
refuse_line(const char *path, int line_no, const char *why)
{
	ereport(ERROR, (errcode(ERRCODE_CRM_KEY_MISSING),
					errmsg("key file \"%s\" is damaged in line %d", path, line_no), errdetail("%s", why),
					errhint("Restore the file from its copy.")));
}

/* Another key under an id that is taken would be found by nobody who decrypts; one hash key more would hash otherwise than what is stored. */
static void
keep_key(const char *path, int line_no, const char *use, const Key *key)
{
	if (strcmp(use, "hash") == 0)
	{
		if (has_hash_key)
			refuse_line(path, line_no, "There is one hash key, for ever.");
		hash_key = *key;
		has_hash_key = true;
	}
	else if (strcmp(use, "encrypt") == 0)
	{
		for (int i = 0; i < n_encrypt_keys; i++)
			if (encrypt_keys[i].id == key->id)
				refuse_line(path, line_no, "Each encryption key has an id of its own.");
		if (n_encrypt_keys == MAX_KEYS)
			refuse_line(path, line_no, psprintf("There are at most %d encryption keys.", MAX_KEYS));
		encrypt_keys[n_encrypt_keys++] = *key;
	}
	else
		refuse_line(path, line_no, LINE_FORM);
}

static void
take_key_line(const char *path, int line_no, const char *line)
{
	char		use[16];
	char		hex[2 * KEY_LENGTH + 2];
	int			id;
	Key			key;

	if (*line == '#' || *line == '\0')
		return;
	if (sscanf(line, "%15s %d %65s", use, &id, hex) != 3 || id < 1 || id > 255 ||
		!parse_key(hex, key.bytes))
		refuse_line(path, line_no, LINE_FORM);
	key.id = (uint8) id;
	keep_key(path, line_no, use, &key);
	explicit_bzero(&key, sizeof(key));
}

static void
start_mac(void)
{
	EVP_MAC    *algorithm;
	OSSL_PARAM	params[] = {
		{"digest", OSSL_PARAM_UTF8_STRING, "SHA256", 6, 0},
		{NULL, 0, NULL, 0, 0}
	};

	if (mac != NULL)
		EVP_MAC_CTX_free(mac);
	algorithm = EVP_MAC_fetch(NULL, "HMAC", NULL);
	mac = algorithm ? EVP_MAC_CTX_new(algorithm) : NULL;
	EVP_MAC_free(algorithm);
	if (mac == NULL || !EVP_MAC_init(mac, hash_key.bytes, KEY_LENGTH, params))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not initialize HMAC-SHA256")));
}

static void
load_keys(void)
{
	char	   *path = key_path();
	char	   *text = palloc(MAX_KEY_FILE + 1);
	int			fd;
	int			length;
	int			line_no = 0;
	char	   *rest;
	char	   *line;

	fd = OpenTransientFile(path, O_RDONLY | PG_BINARY);
	if (fd < 0 || (length = read(fd, text, MAX_KEY_FILE)) < 0)
		ereport(ERROR, (errcode(ERRCODE_CRM_KEY_MISSING),
						errmsg("could not read key file \"%s\": %m", path),
						errhint("Copy the key file that belongs to this data there and reload.")));
	CloseTransientFile(fd);
	text[length] = '\0';
	has_hash_key = false;
	n_encrypt_keys = 0;
	for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
		take_key_line(path, ++line_no, line);
	explicit_bzero(text, length);
	if (!has_hash_key || n_encrypt_keys == 0)
		ereport(ERROR, (errcode(ERRCODE_CRM_KEY_MISSING),
						errmsg("key file \"%s\" lacks a hash key or an encryption key", path),
						errhint("Restore the file from its copy.")));
	start_mac();
	keys_loaded = true;
	keys_of_reload = PgReloadTime;
}

/* A session that stays open hears of a new key like any other. */
static void
need_keys(void)
{
	if (keys_loaded && keys_of_reload == PgReloadTime)
		return;
	keys_loaded = false;
	load_keys();
}

/* hash receives CRM_HASH_LENGTH bytes. */
void
crm_core_keys_hash(const char *purpose, const char *value, int length, uint8 *hash)
{
	uint8		whole[32];
	size_t		whole_length;

	need_keys();
	if (!EVP_MAC_init(mac, NULL, 0, NULL) ||
		!EVP_MAC_update(mac, (const uint8 *) purpose, strlen(purpose) + 1) ||
		!EVP_MAC_update(mac, (const uint8 *) value, length) ||
		!EVP_MAC_final(mac, whole, &whole_length, sizeof(whole)))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute HMAC-SHA256")));
	memcpy(hash, whole, CRM_HASH_LENGTH);
}

static const Key *
find_encrypt_key(uint8 id)
{
	for (int i = 0; i < n_encrypt_keys; i++)
		if (encrypt_keys[i].id == id)
			return &encrypt_keys[i];
	ereport(ERROR, (errcode(ERRCODE_CRM_KEY_MISSING),
					errmsg("encryption key %d is not in the key file", id),
					errhint("Restore the line of that key from the file's copy and reload.")));
}

/* Encrypts or decrypts in one go; out has room for length bytes; false if the tag is wrong. */
static bool
run_cipher(bool encrypt, const Key *key, const char *purpose, const uint8 *nonce,
		   const uint8 *in, int length, uint8 *out, uint8 *tag)
{
	EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
	int			n;
	bool		ok;

	ok = ctx != NULL &&
		EVP_CipherInit_ex(ctx, EVP_aes_256_gcm(), NULL, key->bytes, nonce, encrypt) &&
		EVP_CipherUpdate(ctx, NULL, &n, (const uint8 *) purpose, strlen(purpose)) &&
		EVP_CipherUpdate(ctx, out, &n, in, length) &&
		(encrypt || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_LENGTH, tag)) &&
		EVP_CipherFinal_ex(ctx, out + n, &n) > 0 &&
		(!encrypt || EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LENGTH, tag));
	EVP_CIPHER_CTX_free(ctx);
	return ok;
}

/* crm._make_keys(): true when it made the file, false when there was one. */
Datum
crm_make_keys(PG_FUNCTION_ARGS)
{
	char	   *path = key_path();

	if (access(path, F_OK) == 0)
		PG_RETURN_BOOL(false);
	create_key_file(path);
	PG_RETURN_BOOL(true);
}

Datum
crm_keyed_hash(PG_FUNCTION_ARGS)
{
	char	   *purpose = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bytea	   *value = PG_GETARG_BYTEA_PP(1);
	bytea	   *hash = palloc(VARHDRSZ + CRM_HASH_LENGTH);

	crm_core_keys_hash(purpose, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value),
					   (uint8 *) VARDATA(hash));
	SET_VARSIZE(hash, VARHDRSZ + CRM_HASH_LENGTH);
	PG_RETURN_BYTEA_P(hash);
}

Datum
crm_encrypt(PG_FUNCTION_ARGS)
{
	char	   *purpose = text_to_cstring(PG_GETARG_TEXT_PP(0));
	text	   *value = PG_GETARG_TEXT_PP(1);
	int			length = VARSIZE_ANY_EXHDR(value);
	int			size = VARHDRSZ + 2 + NONCE_LENGTH + length + TAG_LENGTH;
	bytea	   *sealed = palloc(size);
	uint8	   *at = (uint8 *) VARDATA(sealed);
	const Key  *key;

	need_keys();
	key = &encrypt_keys[n_encrypt_keys - 1];
	at[0] = CIPHER_VERSION;
	at[1] = key->id;
	if (!pg_strong_random(at + 2, NONCE_LENGTH) ||
		!run_cipher(true, key, purpose, at + 2, (uint8 *) VARDATA_ANY(value), length,
					at + 2 + NONCE_LENGTH, at + 2 + NONCE_LENGTH + length))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not encrypt a value")));
	SET_VARSIZE(sealed, size);
	PG_RETURN_BYTEA_P(sealed);
}

Datum
crm_decrypt(PG_FUNCTION_ARGS)
{
	char	   *purpose = text_to_cstring(PG_GETARG_TEXT_PP(0));
	bytea	   *sealed = PG_GETARG_BYTEA_PP(1);
	uint8	   *at = (uint8 *) VARDATA_ANY(sealed);
	int			length = (int) VARSIZE_ANY_EXHDR(sealed) - 2 - NONCE_LENGTH - TAG_LENGTH;
	text	   *value;

	need_keys();
	if (length < 0 || at[0] != CIPHER_VERSION)
		ereport(ERROR, (errcode(ERRCODE_CRM_CIPHER_INVALID),
						errmsg("value is not a cipher text of crm")));
	value = palloc(VARHDRSZ + length);
	if (!run_cipher(false, find_encrypt_key(at[1]), purpose, at + 2, at + 2 + NONCE_LENGTH, length,
					(uint8 *) VARDATA(value), at + 2 + NONCE_LENGTH + length))
		ereport(ERROR, (errcode(ERRCODE_CRM_CIPHER_INVALID),
						errmsg("encrypted value cannot be read with the keys of this server"),
						errhint("Restore the key file that belongs to this database.")));
	SET_VARSIZE(value, VARHDRSZ + length);
	PG_RETURN_TEXT_P(value);
}

Datum
crm_sha256(PG_FUNCTION_ARGS)
{
	bytea	   *value = PG_GETARG_BYTEA_PP(0);
	bytea	   *digest = palloc(VARHDRSZ + 32);

	if (!EVP_Digest(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), (uint8 *) VARDATA(digest), NULL,
					EVP_sha256(), NULL))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute SHA-256")));
	SET_VARSIZE(digest, VARHDRSZ + 32);
	PG_RETURN_BYTEA_P(digest);
}

/* HMAC-SHA256 under the caller's own key, whole: for signatures of webhooks. */
Datum
crm_hmac(PG_FUNCTION_ARGS)
{
	bytea	   *key = PG_GETARG_BYTEA_PP(0);
	bytea	   *value = PG_GETARG_BYTEA_PP(1);
	bytea	   *digest = palloc(VARHDRSZ + 32);
	size_t		length;

	if (!EVP_Q_mac(NULL, "HMAC", NULL, "SHA256", NULL, VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key),
				   (uint8 *) VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value),
				   (uint8 *) VARDATA(digest), 32, &length))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not compute HMAC-SHA256")));
	SET_VARSIZE(digest, VARHDRSZ + 32);
	PG_RETURN_BYTEA_P(digest);
}

Datum
crm_random_bytes(PG_FUNCTION_ARGS)
{
	int			length = PG_GETARG_INT32(0);
	bytea	   *bytes;

	if (length < 1 || length > 1024)
		ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
						errmsg("cannot draw %d random bytes", length),
						errhint("Ask for 1 to 1024.")));
	bytes = palloc(VARHDRSZ + length);
	if (!pg_strong_random(VARDATA(bytes), length))
		ereport(ERROR, (errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not draw random bytes")));
	SET_VARSIZE(bytes, VARHDRSZ + length);
	PG_RETURN_BYTEA_P(bytes);
}
