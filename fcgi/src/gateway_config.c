/*
 * gateway_config.c
 *		Reads the configuration: a file of `key = value` lines, then the
 *		environment (CRM_GATEWAY_<KEY> in capitals), which wins.
 *
 * The table below is the list of settings with their limits and defaults; an
 * unknown key or a value out of range stops the start with the line's number,
 * because a mistyped limit that is silently ignored is no limit.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "gateway_config.h"

typedef enum SettingKind
{
	SETTING_TEXT,
	SETTING_NUMBER,
	SETTING_BOOL
} SettingKind;

typedef struct Setting
{
	const char *name;
	SettingKind kind;
	size_t		offset;
	long		size_or_min;	/* text: size of the field; number: smallest value */
	long		max;
	const char *initial;
} Setting;

#define TEXT(field, initial) \
	{#field, SETTING_TEXT, offsetof(CrmConfig, field), \
	sizeof(((CrmConfig *) 0)->field), 0, initial}
#define NUMBER(field, min, max, initial) \
	{#field, SETTING_NUMBER, offsetof(CrmConfig, field), min, max, initial}
#define BOOL(field, initial) \
	{#field, SETTING_BOOL, offsetof(CrmConfig, field), 0, 0, initial}

static const Setting settings[] = {
	TEXT(socket, "/run/crm/gateway.sock"),
	TEXT(socket_group, ""),
	TEXT(database, "dbname=crm user=crm_gateway"),
	TEXT(key_file, ""),
	TEXT(issuer, ""),
	TEXT(audience, ""),
	TEXT(log_file, ""),
	TEXT(secure_cookie, "auto"),
	NUMBER(threads, 2, 512, "32"),
	NUMBER(connections, 1, 256, "8"),
	NUMBER(pool_wait_ms, 1, 60000, "3000"),
	NUMBER(body_max, 1024, 16777216, "2097152"),
	NUMBER(io_timeout_s, 1, 3600, "75"),
	NUMBER(stop_timeout_s, 1, 600, "25"),
	BOOL(prepared_statements, "on"),
};

#define SETTING_COUNT	(sizeof(settings) / sizeof(settings[0]))

static bool
set_number(const Setting *setting, int *field, const char *value,
		   char *error, size_t error_size)
{
	char	   *end;
	long		number;

	errno = 0;
	number = strtol(value, &end, 10);
	if (errno != 0 || end == value || *end != '\0' ||
		number < setting->size_or_min || number > setting->max)
	{
		snprintf(error, error_size, "\"%s\" must be a number from %ld to %ld",
				 setting->name, setting->size_or_min, setting->max);
		return false;
	}
	*field = (int) number;
	return true;
}

static bool
set_bool(const Setting *setting, bool *field, const char *value,
		 char *error, size_t error_size)
{
	if (strcmp(value, "on") == 0 || strcmp(value, "true") == 0)
		*field = true;
	else if (strcmp(value, "off") == 0 || strcmp(value, "false") == 0)
		*field = false;
	else
	{
		snprintf(error, error_size, "\"%s\" must be on or off", setting->name);
		return false;
	}
	return true;
}

static bool
set_value(CrmConfig *config, const Setting *setting, const char *value,
		  char *error, size_t error_size)
{
	char	   *field = (char *) config + setting->offset;

	if (setting->kind == SETTING_NUMBER)
		return set_number(setting, (int *) field, value, error, error_size);
	if (setting->kind == SETTING_BOOL)
		return set_bool(setting, (bool *) field, value, error, error_size);
	if (strlen(value) >= (size_t) setting->size_or_min)
	{
		snprintf(error, error_size, "\"%s\" is longer than %ld characters",
				 setting->name, setting->size_or_min - 1);
		return false;
	}
	strcpy(field, value);
	return true;
}

static const Setting *
find_setting(const char *name)
{
	for (size_t i = 0; i < SETTING_COUNT; i++)
	{
		if (strcmp(settings[i].name, name) == 0)
			return &settings[i];
	}
	return NULL;
}

/* Cuts white space at both ends, in place. */
static char *
trim(char *text)
{
	size_t		length;

	while (isspace((unsigned char) *text))
		text++;
	length = strlen(text);
	while (length > 0 && isspace((unsigned char) text[length - 1]))
		text[--length] = '\0';
	return text;
}

static bool
read_line(CrmConfig *config, char *line, char *error, size_t error_size)
{
	char	   *name = trim(line);
	char	   *equals = strchr(name, '=');
	const Setting *setting;

	if (*name == '\0' || *name == '#')
		return true;
	if (equals == NULL)
	{
		snprintf(error, error_size, "expected \"key = value\"");
		return false;
	}
	*equals = '\0';
	name = trim(name);
	setting = find_setting(name);
	if (setting == NULL)
	{
		snprintf(error, error_size, "unknown key \"%.64s\"", name);
		return false;
	}
	return set_value(config, setting, trim(equals + 1), error, error_size);
}

static bool
read_file(CrmConfig *config, const char *path, char *error, size_t error_size)
{
	FILE	   *file = fopen(path, "r");
	char		line[CRM_CONFIG_TEXT_MAX + 128];
	char		reason[256];
	int			number = 0;
	bool		good = true;

	if (file == NULL)
	{
		snprintf(error, error_size, "could not open configuration file \"%s\": %s",
				 path, strerror(errno));
		return false;
	}
	while (good && fgets(line, sizeof(line), file) != NULL)
	{
		number++;
		good = read_line(config, line, reason, sizeof(reason));
	}
	fclose(file);
	if (!good)
		snprintf(error, error_size, "%s:%d: %s", path, number, reason);
	return good;
}

static bool
read_environment(CrmConfig *config, char *error, size_t error_size)
{
	char		name[96];
	char		reason[256];

	for (size_t i = 0; i < SETTING_COUNT; i++)
	{
		const char *value;

		snprintf(name, sizeof(name), "CRM_GATEWAY_%s", settings[i].name);
		for (char *p = name; *p != '\0'; p++)
			*p = (char) toupper((unsigned char) *p);
		value = getenv(name);
		if (value != NULL && !set_value(config, &settings[i], value, reason, sizeof(reason)))
		{
			snprintf(error, error_size, "environment %s: %s", name, reason);
			return false;
		}
	}
	return true;
}

static bool
check_together(const CrmConfig *config, char *error, size_t error_size)
{
	if (config->key_file[0] != '\0' &&
		(config->issuer[0] == '\0' || config->audience[0] == '\0'))
	{
		snprintf(error, error_size, "\"key_file\" needs \"issuer\" and \"audience\": "
				 "a token that names neither could be one made for another service");
		return false;
	}
	if (strcmp(config->secure_cookie, "auto") != 0 &&
		strcmp(config->secure_cookie, "on") != 0 &&
		strcmp(config->secure_cookie, "off") != 0)
	{
		snprintf(error, error_size, "\"secure_cookie\" must be auto, on or off");
		return false;
	}
	return true;
}

/* path may be NULL: defaults and environment only. */
bool
crm_config_load(CrmConfig *config, const char *path, char *error, size_t error_size)
{
	memset(config, 0, sizeof(*config));
	for (size_t i = 0; i < SETTING_COUNT; i++)
	{
		if (!set_value(config, &settings[i], settings[i].initial, error, error_size))
			return false;
	}
	if (path != NULL && !read_file(config, path, error, error_size))
		return false;
	return read_environment(config, error, error_size) &&
		check_together(config, error, error_size);
}
