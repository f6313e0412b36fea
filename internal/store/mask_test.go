package store_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"exporter/internal/journal"
	"exporter/internal/store"
	"exporter/internal/store/storetest"
)

// What names the persons of [maskSite], each to be found in its own file.
var (
	siteGiven   = []string{"Quirin", "Ottoline"}
	siteNames   = []string{"Quirin Zwolle", "Ottoline Brandaris", "诸葛云霄", "诸葛　云霄", "OTTOLINE BRANDARIS", "Anneke", "Old Zwolle-Brand", "Wim Aanvrager"}
	siteMobiles = []string{"18255512940", "18255519931", "0655512345"}
	siteCodes   = []string{"ZW-55512", "090909", "OB-77123"}
	siteIDs     = []string{"7770001112223334441", "7770001112223334442", "7770001112223334443", "7770001112223334444", "7770001112223334445"}
	siteTexts   = []string{"zwolle@example.com", "lost her badge", "sits beside the lift", "phone the desk"}
)

// maskSite is a site that names its persons wherever the API and the registers
// can.
func maskSite(t *testing.T, project string, n int, path string) storetest.Site {
	t.Helper()
	id := siteIDs
	who := func(i int, name string, more string) string {
		return fmt.Sprintf(`"person_id":%q,"name":%q,"mobile_country":"+86","mobile":%q%s`, id[i], name, siteMobiles[i%3], more)
	}
	s := storetest.Site{Project: project, At: day(n), Journal: path, Registers: map[string]string{
		"channel_register": "access_control_channel_id,tier,owner,owner_email,note\nc1,sensitive,Quirin Zwolle,zwolle@example.com,phone the desk\n",
		"roster":           "person_code,status,terminated_at,organisation,manager,manager_email\nZW-55512,terminated,2026-01-01,Vault crew,Wim Aanvrager,zwolle@example.com\n",
		"exceptions": "report,finding_key,reason,approved_by,expires_on\nleavers,c1/" + id[0] + ",lost her badge,Wim Aanvrager,2030-01-01\n" +
			"identity-quality,ZW-55512,asked by Quirin Zwolle,Wim Aanvrager,2030-01-01\n" +
			"drift,Vault crew/c9,agreed,Wim Aanvrager,2030-01-01\n",
	}, Rows: rows{
		"permissions": list(
			"{"+who(0, "Quirin Zwolle", `,"access_auth_id":"a1","person_code":"ZW-55512","structure_ids":["s1","s2"],"access_control_channel_id":"c1","access_control_channel_name":"Office of Quirin Zwolle"}`),
			"{"+who(1, "Ottoline Brandaris", `,"access_auth_id":"a2","person_code":"OB-77123","structure_ids":["s2"],"access_control_channel_id":"c1","access_control_channel_name":"Office of Quirin Zwolle"}`),
			"{"+who(2, "诸葛云霄", `,"access_auth_id":"a3","person_code":"090909","structure_ids":["s2"],"access_control_channel_id":"c2","business_device_name":"诸葛云霄的门"}`)),
		"persons": list(fmt.Sprintf(`{"person_id":%q,"name":"quirin  zwolle","person_code":"ZW-55512 "}`, id[0]),
			fmt.Sprintf(`{"person_id":%q,"name":"OttolineBrandaris","person_code":"OB-77123"}`, id[1]),
			fmt.Sprintf(`{"person_id":%q,"name":"诸葛　云霄 ","person_code":" 090909"}`, id[2]),
			fmt.Sprintf(`{"person_id":%q,"name":"Anneke","person_code":""}`, id[3])),
		"structures": list(`{"structure_id":"s1","structure_name":"Vault crew","remark":"sits beside the lift","alias_code":"090909"}`,
			`{"structure_id":"s2","structure_name":"Everybody","parent_structure_id":"s3"}`, `{"structure_id":"s3","structure_name":"Company"}`),
		"rules": list(fmt.Sprintf(`{"auth_relation_id":"r1","auth_id":%q,"relation_type":1,"relation_id":"g1","relation_name":"Anneke"}`, id[0]),
			fmt.Sprintf(`{"auth_relation_id":"r2","auth_id":%q,"relation_type":2,"relation_id":"c1","relation_name":"VAULT CREW, of OTTOLINE BRANDARIS"}`, id[4]),
			`{"auth_relation_id":"r3","auth_id":"s2","relation_type":2,"relation_id":"c2","relation_name":"Vault crew"}`),
		"rule_channels": {"r1": {fmt.Sprintf(`{"relation_id":%q}`, id[1]), `{"relation_id":"c2"}`}},
		"tasks":         list(`{"auth_task_id":"t1","auth_num":1,"access_control_channel_name":"Office of Quirin Zwolle"}`),
		"records":       {"t1": {"{" + who(0, "Old Zwolle-Brand", `,"auth_task_record_id":"e1","structure_name":"Vault crew"}`)}},
		"issue_infos":   {"e1": {`{"card_issue_result":{"success_issue_num":1}}`}},
		"details":       {"a1": {"{" + who(0, "Quirin Zwolle", `,"person_code":"ZW-55512","structure_names":["Vault crew","Everybody"],"auth_source_str":"Quirin Zwolle"}`)}},
	}}
	return s
}

// maskedStore publishes two days of two projects, with a journal.
func maskedStore(t *testing.T) (*store.Store, []string) {
	t.Helper()
	st := storetest.Open(t)
	if err := st.Create(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(st.Dir(), "journal.ndjson")
	log := journal.Open(path, day1.UTC)
	for kind, d := range map[string]any{
		"write-asked": map[string]any{"operation": "increment", "params": map[string]any{"personIds": siteIDs[:2], "note": "Quirin Zwolle"}},
		"prune":       map[string]any{"bytes": 7},
		"new-kind":    map[string]any{"who": "Ottoline Brandaris"},
		"report":      map[string]any{"report": "leavers", "files": map[string]string{"leavers.csv": "x"}},
		"key":         map[string]any{"action": "used", "fingerprint": "SHA256:x", "identity": "ottoline@example.com"},
		"witness":     map[string]any{"snapshot": "s", "calls": 7, "sha256": "x", "file": "witness/s.txt"},
		"query":       map[string]any{"by": "ottoline", "sql_sha256": "x", "result_sha256": "x", "parameters": []string{"Zwolle"}, "why": "no Zwolle", "rows": 3, "mask": "full"},
	} {
		if _, err := log.Append(kind, d); err != nil {
			t.Fatal(err)
		}
	}
	var ids []string
	for n := 1; n <= 2; n++ {
		ids = append(ids, storetest.Publish(t, st, maskSite(t, "p1", n, path), maskSite(t, "p2", n, path)))
	}
	if _, err := log.Append("purge", map[string]any{"person_sha256": "x"}); err != nil {
		t.Fatal(err)
	}
	return st, ids
}

func secrets(mask string) []string {
	list := slices.Concat(siteNames, siteGiven, siteMobiles, siteTexts)
	if mask == store.MaskPseudonym {
		list = slices.Concat(list, siteCodes, siteIDs, []string{"Vault crew", "VAULT CREW", "BRANDARIS", "Zwolle", "Brandaris", "诸葛"})
	}
	return list
}

// hold lists those of the secrets that text holds.
func hold(text []byte, secrets []string) []string {
	return slices.DeleteFunc(slices.Clone(secrets), func(s string) bool { return !bytes.Contains(text, []byte(s)) })
}

func TestMasks(t *testing.T) {
	st, ids := maskedStore(t)
	for name, test := range map[string]func(*testing.T, *store.Store, []string){
		"hold no secret": holdNoSecret, "mask values": maskValues, "tie to full": tieToFull, "no way around": noWayAround,
	} {
		t.Run(name, func(t *testing.T) { test(t, st, ids) })
	}
}

// A masked session never sees what is masked: neither in any column of any table
// of its file, nor in the file's bytes, of which some are compressed.
func holdNoSecret(t *testing.T, st *store.Store, ids []string) {
	full := dumpBase(t, read(t, st, store.ReadOptions{Snapshot: ids[1]}))
	if missing := slices.DeleteFunc(secrets(store.MaskPseudonym), func(s string) bool { return strings.Contains(full, s) }); len(missing) > 0 {
		t.Fatalf("the site itself does not hold %q", missing)
	}
	// What is compressed is not found in bytes; of the full file's most is.
	inFile := hold(content(t, filepath.Join(st.Dir(), "snapshots", ids[1]+".duckdb")), secrets(store.MaskPseudonym))
	if all := len(secrets(store.MaskPseudonym)); 2*len(inFile) < all {
		t.Fatalf("of %d secrets only %q stand in the bytes of the full file", all, inFile)
	}
	// What proves a guess: the salt of a line, which is in no table, and the hash of a
	// register.
	_, salt, ok := strings.Cut(string(content(t, filepath.Join(st.Dir(), "journal.ndjson"))), `"salt":"`)
	if !ok || strings.Contains(full, salt[:32]) {
		t.Fatal("the journal has no salt, or a table holds it")
	}
	hashes := regexp.MustCompile(`[0-9a-f]{64}`).FindAllString(csv(t, read(t, st, store.ReadOptions{}), "SELECT sha256 FROM registers"), -1)
	if len(hashes) != 3 {
		t.Fatalf("registers have the hashes %q", hashes)
	}
	for _, mask := range store.Masks[1:] {
		hidden := append(secrets(mask), append(hashes, salt[:32])...)
		for _, id := range ids {
			r := read(t, st, store.ReadOptions{Snapshot: id, Mask: mask})
			if found := hold([]byte(dumpBase(t, r)), hidden); len(found) > 0 {
				t.Errorf("%s: its tables hold %q", mask, found)
			}
			path := filepath.Join(st.Dir(), "snapshots", id+"."+mask+".duckdb")
			if found := hold(content(t, path), hidden); len(found) > 0 {
				t.Errorf("%s: its bytes hold %q", mask, found)
			}
			if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o444 {
				t.Errorf("%s: %v, %v", mask, info, err)
			}
		}
	}
}

// dumpBase is every row of every table of the schema base.
func dumpBase(t *testing.T, r *store.Reader) string {
	t.Helper()
	var all strings.Builder
	_, tables, _ := strings.Cut(csv(t, r, "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'base' ORDER BY 1"), "\n")
	for table := range strings.FieldsSeq(tables) {
		all.WriteString(csv(t, r, "FROM base."+table+" ORDER BY ALL"))
	}
	return all.String()
}

// What tables say must become of the site, worked out by hand.
func maskValues(t *testing.T, st *store.Store, ids []string) {
	r := read(t, st, store.ReadOptions{Mask: store.MaskStandard, Project: "p1"})
	tag := regexp.MustCompile(`\*[a-zA-Z2-7]{6}`)
	got := tag.ReplaceAllString(csv(t, r, "SELECT name, mobile_country, mobile, person_code, access_control_channel_name AS c, business_device_name AS d FROM permissions ORDER BY access_auth_id"), "*TAG")
	want := "name,mobile_country,mobile,person_code,c,d\n" +
		"Zwolle *TAG,+86,*2940,ZW-55512,Office of Zwolle *TAG,\n" +
		"Brandaris *TAG,+86,*9931,OB-77123,Office of Zwolle *TAG,\n" +
		"诸葛*TAG,+86,*2345,090909,,诸葛*TAG的门\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("standard (-want +got):\n%s", diff)
	}
	check(t, r, "SELECT reason, approved_by LIKE 'Aanvrager *______', finding_key, expires_on FROM exceptions WHERE line = 2",
		"masked,true,c1/"+siteIDs[0]+",2030-01-01")
	check(t, r, "SELECT owner_email, note, owner LIKE 'Zwolle *______' FROM channel_register", "masked,masked,true")
	// Two spellings of a name are two, and one where capitals and blanks do not count.
	check(t, r, `SELECT p.name <> a.name, lower(trim(p.name)) = lower(a.name) FROM persons AS p JOIN permissions AS a USING (person_id)`,
		"true,true", "true,true", "true,true")

	r = read(t, st, store.ReadOptions{Mask: store.MaskPseudonym, Project: "p1"})
	check(t, r, "SELECT count(*) FROM permissions WHERE regexp_full_match(person_id, '[A-Z2-7]{12}') AND regexp_full_match(name, '[a-zA-Z2-7]{8}') AND mobile_country = 'masked'", "3")
	check(t, r, "SELECT auth_relation_id, source_kind, source_name = name FROM rules LEFT JOIN persons ON person_id = auth_id ORDER BY ALL",
		"r1,person,true", "r2,unknown,", "r3,structure,")
	check(t, r, "SELECT count(*) FROM rule_channels AS c JOIN permissions AS p ON p.person_id = c.access_control_channel_id", "1")
	check(t, r, "SELECT count(*) FROM roster JOIN permissions USING (person_code)", "1")
	check(t, r, "SELECT finding_key = 'c1/' || person_id FROM exceptions, permissions WHERE line = 2 AND access_auth_id = 'a1'", "true")
	check(t, r, "SELECT count(*) FROM exceptions JOIN permissions ON finding_key = person_code", "1")
	check(t, r, "SELECT regexp_replace(structure_name, '^small group [a-z2-7]{6}$', 'small'), remark, alias_code FROM structures ORDER BY structure_id",
		"small,masked,masked", "Everybody,,", "Company,,")
	check(t, r, "SELECT relation_name = structure_name FROM rules, structures WHERE auth_relation_id = 'r3' AND structure_id = 's1'", "true")
	check(t, r, "SELECT finding_key = structure_name || '/c9' FROM exceptions, structures WHERE line = 4 AND structure_id = 's1'", "true")
	check(t, r, "SELECT structure_names[1] = structure_name AND structure_names[2] = 'Everybody' FROM permissions, structures WHERE access_auth_id = 'a1' AND structure_id = 's1'", "true")
	check(t, r, "SELECT kind, detail, line_sha256 = 'masked' FROM journal ORDER BY kind",
		`key,"{""action"":""used"",""fingerprint"":""SHA256:x"",""identity"":""masked""}",true`,
		`new-kind,"{""who"":""masked""}",true`, `prune,"{""bytes"":7}",false`,
		`query,"{""by"":""masked"",""mask"":""full"",""parameters"":""masked"",""result_sha256"":""masked"",""rows"":3,""sql_sha256"":""masked"",""why"":""masked""}",true`,
		`report,"{""files"":""masked"",""report"":""leavers""}",true`,
		`witness,"{""calls"":7,""file"":""witness/s.txt"",""sha256"":""x"",""snapshot"":""s""}",false`,
		`write-asked,"{""operation"":""increment"",""params"":""masked""}",true`)
	// A person is the same one in every snapshot, and another in every project.
	all := csv(t, r, "SELECT person_id FROM permissions ORDER BY access_auth_id")
	for _, o := range []store.ReadOptions{{Snapshot: ids[0], Project: "p1"}, {Project: "p2"}} {
		o.Mask = store.MaskPseudonym
		if same := csv(t, read(t, st, o), "SELECT person_id FROM permissions ORDER BY access_auth_id") == all; same != (o.Project == "p1") {
			t.Errorf("%+v: same pseudonyms: %v", o, same)
		}
	}
}

// Masked copies have the keys, the numbers and the digests of the full snapshot.
func tieToFull(t *testing.T, st *store.Store, ids []string) {
	full := read(t, st, store.ReadOptions{Snapshot: ids[1]})
	_, tables, _ := strings.Cut(csv(t, full, "SELECT table_name FROM duckdb_tables() WHERE schema_name = 'base' ORDER BY 1"), "\n")
	for _, mask := range store.Masks[1:] {
		r := read(t, st, store.ReadOptions{Snapshot: ids[1], Mask: mask})
		if r.Mask() != mask {
			t.Errorf("Mask = %q, want %q", r.Mask(), mask)
		}
		for table := range strings.FieldsSeq(tables) {
			q := "SELECT count(*) FROM base." + table
			if a, b := csv(t, full, q), csv(t, r, q); a != b {
				t.Errorf("%s, %s: %s rows, in the full file %s", mask, table, b, a)
			}
		}
		for _, q := range []string{
			"SELECT snapshot_id, project_id, digest, rows, verdict FROM snapshots ORDER BY ALL", "FROM digests ORDER BY ALL",
			"FROM tie_outs ORDER BY ALL", "FROM code_contingency ORDER BY ALL", `SELECT "table", rows, sha256 IS NULL FROM registers ORDER BY ALL`,
			"SELECT count(*), count(DISTINCT register_sha256) FROM base.roster", "SELECT line, report FROM exceptions ORDER BY ALL",
			"SELECT access_auth_id, auth_end_time, structure_ids, first_snapshot FROM permission_history ORDER BY ALL",
			"SELECT count(DISTINCT name), count(DISTINCT lower(name)), count(DISTINCT (project_id, person_id)) FROM permissions",
			"SELECT count(*) FROM roster AS r JOIN persons AS p ON trim(p.person_code) = trim(r.person_code)",
			"SELECT count(*) FROM roster AS r JOIN persons AS p USING (person_code)",
			"SELECT count(*) FROM persons AS p JOIN permissions AS a ON trim(p.person_code) = a.person_code",
			`SELECT count(DISTINCT lower(replace(replace(name, ' ', ''), chr(12288), ''))) AS plain, count(DISTINCT name), count(DISTINCT trim(name))
				FROM (SELECT name FROM persons UNION ALL SELECT name FROM permissions)`,
			"SELECT source_kind, count(*) FROM rules GROUP BY ALL ORDER BY ALL",
			"SELECT access_control_channel_id, tier, named_by FROM channels ORDER BY ALL",
			"SELECT auth_task_id, channel_match FROM tasks ORDER BY ALL",
			"SELECT organisation IN (SELECT structure_name FROM structures), status FROM roster",
			fmt.Sprintf("SELECT kind, access_auth_id FROM permission_changes('%s', '%s') ORDER BY ALL", ids[0], ids[1]),
		} {
			if diff := cmp.Diff(csv(t, full, q), csv(t, r, q)); diff != "" {
				t.Errorf("%s, %s (-full +masked):\n%s", mask, q, diff)
			}
		}
	}
	if _, err := st.Read(t.Context(), store.ReadOptions{Mask: "half"}); err == nil || !strings.Contains(err.Error(), `mask "half"`) {
		t.Errorf("an unknown mask: %v", err)
	}
}

// No statement leads from a masked session to the unmasked file, to the raw
// pages or to the key.
func noWayAround(t *testing.T, st *store.Store, ids []string) {
	r := read(t, st, store.ReadOptions{Mask: store.MaskPseudonym})
	key := strings.TrimSpace(string(content(t, filepath.Join(st.Dir(), "pseudonym.key"))))
	full := filepath.Join(st.Dir(), "snapshots", ids[1]+".duckdb")
	raw := filepath.Join(st.Dir(), "raw", ids[1], "p1", "permissions.ndjson.zst")
	for _, query := range []string{
		"ATTACH '" + full + "' AS full", "ATTACH '" + full + "' (READ_ONLY)", "FROM '" + full + "'", `FROM "` + full + `"`,
		"FROM full.base.permissions", "FROM build.base.permissions", "FROM old.base.permissions", "FROM memory.main.names",
		"FROM memory.main.persons", "FROM read_blob('" + full + "')", "FROM read_text('" + full + "')", "FROM read_csv('" + full + "')",
		"FROM read_json('" + raw + "')", "FROM read_text('" + st.Dir() + "/pseudonym.key')", "FROM read_text('" + st.Dir() + "/journal.ndjson')",
		"FROM glob('" + st.Dir() + "/**')", "FROM parquet_scan('" + full + "')", "FROM sniff_csv('" + raw + "')",
		"COPY permissions TO '" + st.Dir() + "/x.csv'", "EXPORT DATABASE '" + st.Dir() + "/x'", "INSTALL httpfs", "LOAD '" + full + "'",
		"SET enable_external_access = true", "SET GLOBAL lock_configuration = false", "RESET enable_external_access",
		"PRAGMA database_list", "PRAGMA show_databases", "FROM duckdb_databases()", "FROM duckdb_settings()", "FROM duckdb_variables()",
		"SELECT getenv('HOME')", "FROM query('ATTACH ''" + full + "''')", "FROM query('FROM full.base.permissions')",
		"FROM query_table('" + full + "')", "EXPLAIN ANALYZE COPY permissions TO '" + st.Dir() + "/x.csv'", "CALL pragma_storage_info('base.permissions')",
		"FROM pragma_storage_info('base.permissions')", "FROM pragma_metadata_info()", "FROM duckdb_columns()", "FROM duckdb_views()",
		"FROM duckdb_temporary_files()", "SELECT stats(name) FROM base.permissions", "SUMMARIZE base.permissions", "SUMMARIZE base.persons",
		"WITH x AS (INSERT INTO base.persons VALUES (1)) FROM x", "DETACH snap", "USE full", "IMPORT DATABASE '" + st.Dir() + "'",
		"SELECT 1; ATTACH '" + full + "'", "CREATE TABLE x AS FROM '" + full + "'", "CREATE MACRO m() AS TABLE FROM '" + full + "'",
		"SELECT content FROM read_text('/proc/self/maps')", "SELECT * FROM base.masked",
	} {
		rows, err := r.Query(t.Context(), query, nil)
		if err != nil {
			continue
		}
		var b bytes.Buffer
		err = store.WriteCSV(&b, rows)
		if found := hold(b.Bytes(), append(secrets(store.MaskPseudonym), key)); len(found) > 0 || strings.Contains(b.String(), full) {
			t.Errorf("%s gives %q away (%v)", query, found, err)
		}
		rows.Close()
	}
	if _, err := os.Stat(st.Dir() + "/x.csv"); err == nil {
		t.Error("a file was written")
	}
}
