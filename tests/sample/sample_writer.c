/*
 * sample_writer.c
 *		CSV and NDJSON files, in UTF-8 or GBK.
 *
 * A row is put together in memory and written when it ends, so that a GBK file is converted
 * row by row.  Fields are quoted as RFC 4180 asks.
 */
#include <errno.h>
#include <iconv.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "sample.h"

enum
{
	ROW_MAX = 16384
};

struct Writer
{
	FILE	   *file;
	char	   *path;
	iconv_t		converter;
	bool		converts;
	bool		has_field;		/* a comma is due before the next */
	size_t		used;
	char		row[ROW_MAX];
};

/* "encoding" NULL: UTF-8. */
Writer *
writer_open(const Sample *sample, const char *file, const char *encoding)
{
	Writer	   *writer = calloc(1, sizeof(Writer));
	size_t		length = strlen(sample->out) + strlen(file) + 2;

	if (writer == NULL || (writer->path = malloc(length)) == NULL)
		fail("out of memory for %s", file);
	snprintf(writer->path, length, "%s/%s", sample->out, file);
	writer->file = fopen(writer->path, "wb");
	if (writer->file == NULL)
		fail("cannot write %s: %s", writer->path, strerror(errno));
	setvbuf(writer->file, NULL, _IOFBF, 1 << 20);
	writer->converts = encoding != NULL;
	if (writer->converts)
	{
		writer->converter = iconv_open(encoding, "UTF-8");
		if (writer->converter == (iconv_t) -1)
			fail("the C library cannot convert to %s", encoding);
	}
	return writer;
}

void
writer_close(Writer *writer)
{
	if (ferror(writer->file) | fclose(writer->file))
		fail("cannot write %s: %s", writer->path, strerror(errno));
	if (writer->converts)
		iconv_close(writer->converter);
	free(writer->path);
	free(writer);
}

static void
put(Writer *writer, const char *bytes, size_t length)
{
	if (writer->used + length > ROW_MAX)
		fail("a row of %s is longer than %d bytes", writer->path, ROW_MAX);
	memcpy(writer->row + writer->used, bytes, length);
	writer->used += length;
}

static void
put_char(Writer *writer, char c)
{
	put(writer, &c, 1);
}

static void
row_flush(Writer *writer)
{
	char		converted[ROW_MAX];
	char	   *in = writer->row;
	char	   *out = converted;
	size_t		in_left = writer->used;
	size_t		out_left = ROW_MAX;

	if (!writer->converts)
		fwrite(writer->row, 1, writer->used, writer->file);
	else
	{
		if (iconv(writer->converter, &in, &in_left, &out, &out_left) == (size_t) -1)
			fail("%s: \"%.12s\" has no form in the file's encoding", writer->path, in);
		fwrite(converted, 1, ROW_MAX - out_left, writer->file);
	}
	writer->used = 0;
	writer->has_field = false;
}

static void
field_begin(Writer *writer)
{
	if (writer->has_field)
		put_char(writer, ',');
	writer->has_field = true;
}

void
csv_text(Writer *writer, const char *text)
{
	const char *c;

	field_begin(writer);
	if (strpbrk(text, ",\"\r\n") == NULL)
	{
		put(writer, text, strlen(text));
		return;
	}
	put_char(writer, '"');
	for (c = text; *c; c++)
	{
		if (*c == '"')
			put_char(writer, '"');
		put_char(writer, *c);
	}
	put_char(writer, '"');
}

void
csv_format(Writer *writer, const char *format, ...)
{
	char		text[512];
	va_list		args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	csv_text(writer, text);
}

void
csv_money(Writer *writer, int64_t fen)
{
	int64_t		whole = fen < 0 ? -fen : fen;

	csv_format(writer, "%s%lld.%02d", fen < 0 ? "-" : "", (long long) (whole / 100),
			   (int) (whole % 100));
}

void
csv_end(Writer *writer)
{
	put(writer, "\r\n", 2);
	row_flush(writer);
}

/* "columns" are the names, already separated by commas. */
void
csv_header(Writer *writer, const char *columns)
{
	put(writer, columns, strlen(columns));
	csv_end(writer);
}

/* Opens an object: the row itself, or one inside an array that json_raw() opened. */
void
json_begin(Writer *writer)
{
	put_char(writer, '{');
	writer->has_field = false;
}

static void
json_string(Writer *writer, const char *text)
{
	put_char(writer, '"');
	for (; *text; text++)
	{
		if (*text == '"' || *text == '\\')
			put_char(writer, '\\');
		if (*text == '\n')
			put(writer, "\\n", 2);
		else
			put_char(writer, *text);
	}
	put_char(writer, '"');
}

void
json_text(Writer *writer, const char *key, const char *text)
{
	field_begin(writer);
	json_string(writer, key);
	put_char(writer, ':');
	json_string(writer, text);
}

/* A member whose value is written as it stands: a number, true, an object. */
void
json_format(Writer *writer, const char *key, const char *format, ...)
{
	char		text[512];
	va_list		args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	field_begin(writer);
	json_string(writer, key);
	put_char(writer, ':');
	put(writer, text, strlen(text));
}

/* Brackets and whatever else no other call writes; the next member gets a comma. */
void
json_raw(Writer *writer, const char *format, ...)
{
	char		text[4096];
	va_list		args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	put(writer, text, strlen(text));
	writer->has_field = true;
}

void
json_end(Writer *writer)
{
	put(writer, "}\n", 2);
	row_flush(writer);
}
