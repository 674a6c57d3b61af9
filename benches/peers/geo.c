/* The other side of geo_peer: for each address of the standard input the fields of GeoIPData, by libmaxminddb. Writes how many
 * addresses were found, how long all texts are, and the sum of all prefixes: ours must say the same. */

#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static unsigned long found, texts, prefixes;
static double numbers;

#define FIELD(result, ...)                                                                  \
    do {                                                                                    \
        MMDB_entry_data_s data;                                                             \
        if (MMDB_get_value(&(result).entry, &data, __VA_ARGS__, NULL) == MMDB_SUCCESS && data.has_data) \
            take(&data);                                                                    \
    } while (0)

static void take(const MMDB_entry_data_s *data) {
    switch (data->type) {
    case MMDB_DATA_TYPE_UTF8_STRING: texts += data->data_size; break;
    case MMDB_DATA_TYPE_DOUBLE: numbers += data->double_value; break;
    case MMDB_DATA_TYPE_UINT32: numbers += data->uint32; break;
    default: break;
    }
}

static void open_database(const char *path, MMDB_s *database) {
    int status = MMDB_open(path, MMDB_MODE_MMAP, database);
    if (status != MMDB_SUCCESS) {
        fprintf(stderr, "%s: %s\n", path, MMDB_strerror(status));
        exit(1);
    }
}

int main(int argc, char **argv) {
    MMDB_s city, asn;
    char line[64];
    if (argc != 3)
        return 2;
    open_database(argv[1], &city);
    open_database(argv[2], &asn);
    while (fgets(line, sizeof line, stdin)) {
        int no_address, error, any = 0;
        line[strcspn(line, "\n")] = 0;
        MMDB_lookup_result_s place = MMDB_lookup_string(&city, line, &no_address, &error);
        if (no_address || error != MMDB_SUCCESS)
            return 3;
        if (place.found_entry) {
            any = 1;
            FIELD(place, "continent", "code");
            FIELD(place, "country", "iso_code");
            FIELD(place, "subdivisions", "0", "names", "en");
            FIELD(place, "subdivisions", "0", "iso_code");
            FIELD(place, "city", "names", "en");
            FIELD(place, "postal", "code");
            FIELD(place, "location", "latitude");
            FIELD(place, "location", "longitude");
            FIELD(place, "location", "time_zone");
            FIELD(place, "registered_country", "geoname_id");
            FIELD(place, "represented_country", "geoname_id");
        }
        MMDB_lookup_result_s system = MMDB_lookup_string(&asn, line, &no_address, &error);
        if (no_address || error != MMDB_SUCCESS)
            return 3;
        if (system.found_entry) {
            any = 1;
            FIELD(system, "autonomous_system_number");
            FIELD(system, "autonomous_system_organization");
            prefixes += system.netmask - (strchr(line, ':') ? 0 : 96);
        }
        found += any;
    }
    printf("%lu %lu %lu %.0f\n", found, texts, prefixes, numbers);
    return 0;
}
