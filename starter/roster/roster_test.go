package roster_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/unicode"
	"pgregory.net/rapid"

	"tenant-provisioning/internal/tenant"
	"tenant-provisioning/starter/roster"
)

const header = "name,adminEmail,adminFirstName,adminLastName\n"

func parseCSV(t *testing.T, text string) []roster.Row {
	t.Helper()
	rows, problems := roster.Parse([]byte(text), roster.CSV)
	require.Empty(t, problems)
	return rows
}

func TestReadsWhatSpreadsheetsWrite(t *testing.T) {
	t.Parallel()
	want := parseCSV(t, header+`St. Mary's,ada@mary.example,Ada,"O""Hara, MD"`+"\n")
	require.Equal(t, "St. Mary's", want[0].New.Name)
	require.Equal(t, `O"Hara, MD`, want[0].New.Administrator.LastName)
	require.Equal(t, tenant.DefaultTier, want[0].New.Tier)
	require.Equal(t, 2, want[0].Line)
	for name, text := range map[string]string{
		"byte order mark": "\ufeff" + header + `St. Mary's,ada@mary.example,Ada,"O""Hara, MD"` + "\n",
		"CRLF":            strings.ReplaceAll(header, "\n", "\r\n") + `St. Mary's,ada@mary.example,Ada,"O""Hara, MD"` + "\r\n",
		"no last newline": header + `St. Mary's,ada@mary.example,Ada,"O""Hara, MD"`,
		"semicolons":      strings.ReplaceAll(header, ",", ";") + `St. Mary's;ada@mary.example;Ada;"O""Hara, MD"`,
		"tabs":            strings.ReplaceAll(header, ",", "\t") + "St. Mary's\tada@mary.example\tAda\t\"O\"\"Hara, MD\"",
		"other spelling":  "Name,Admin Email,ADMIN_FIRST_NAME,admin-last-name\n" + `St. Mary's,ada@mary.example,Ada,"O""Hara, MD"`,
		"emptied rows":    header + `St. Mary's,ada@mary.example,Ada,"O""Hara, MD"` + "\n,,,\n ,,,\n",
		"spaces around":   header + ` St. Mary's ,ada@mary.example , Ada,"O""Hara, MD"`,
		"empty optional":  "key,tier," + header + `,,St. Mary's,ada@mary.example,Ada,"O""Hara, MD"`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, want, parseCSV(t, text))
		})
	}
}

func TestCSVAndJSONAreTheSame(t *testing.T) {
	t.Parallel()
	fromCSV := parseCSV(t, header+"\n東京病院,yui@tokyo.example,結衣,佐藤\n")
	fromJSON, problems := roster.Parse([]byte("\ufeff"+`[
  {"name":"東京病院","adminEmail":"yui@tokyo.example","adminFirstName":"結衣","adminLastName":"佐藤","tier":null}
]`), roster.JSON)
	require.Empty(t, problems)
	require.Equal(t, fromCSV[0].Key, fromJSON[0].Key)
	require.Equal(t, fromCSV[0].New, fromJSON[0].New)
}

// TestReportsEverythingAtOnce holds the lines and words that a person corrects
// a file by.
func TestReportsEverythingAtOnce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		format roster.Format
		text   string
		want   []string
	}{
		"columns": {roster.CSV, "name,adminMail,tier,tier\n", []string{
			`1: the column "adminMail" is not known here; a tenant has name, adminEmail, adminFirstName, adminLastName, and may have tier, region, key`,
			"1: the column tier is there twice", "1: the column adminEmail is missing",
			"1: the column adminFirstName is missing", "1: the column adminLastName is missing",
		}},
		"rows": {
			roster.CSV, header + "ab,ada@mary.example,Ada,L\nGood,Bob <a@b.example>,,L\nGood,a@b.example,A,L\nMore,a@b.example,A\nGOOD,a@b.example,A,L\n",
			[]string{
				"2: name must have 3 to 100 characters, not counting spaces around it",
				"3: adminEmail must be a plain e-mail address such as ada@hospital.example",
				"3: adminFirstName must have 1 to 100 characters",
				"5: there are 3 fields where the first line names 4",
				`6: the name "GOOD" is also on line 4, as "Good"`,
			},
		},
		"names that look the same": {
			roster.CSV, header + "Saint Mary,a@b.example,A,L\nSaint\u00a0 Mary\u200b,a@b.example,A,L\nＳａｉｎｔ Ｍａｒｙ,a@b.example,A,L\n\u200b\u200b\u200b,a@b.example,\u3164,L\n",
			[]string{
				`3: the name "Saint\u00a0 Mary\u200b" is also on line 2, as "Saint Mary"`,
				`4: the name "Ｓａｉｎｔ Ｍａｒｙ" is also on line 2, as "Saint Mary"`,
				"5: name must have visible characters: it has only spaces and characters that cannot be seen",
				"5: adminFirstName must have visible characters: it has only spaces and characters that cannot be seen",
			},
		},
		"addresses": {
			roster.CSV, header + "One,ada\u200b@mary.example,Ada,L\nTwo,ädä@mary.example,A,L\nThree,ada@ab--cd.example,A,L\nFour,ada@mary_1.example,A,L\n",
			[]string{
				"2: adminEmail must not contain U+200B, an invisible character",
				"3: adminEmail must have only ASCII letters, digits and signs before the @, since mail servers carry no others there; U+00E4 is another",
				"5: adminEmail must be a plain e-mail address such as ada@hospital.example, with the full name of a domain that DNS can have after the @",
			},
		},
		"keys": {
			roster.CSV, "key," + header + "k1,One,a@b.example,A,L\nk1,Two,a@b.example,A,L\n" + strings.Repeat("x", 201) + ",Three,a@b.example,A,L\n",
			[]string{`3: the key "k1" is also on line 2`, "4: key must have at most 200 characters and no control characters"},
		},
		"lines of a multi-line field": {
			roster.CSV, header + "\"two\nlines\",a@b.example,A,L\nab,a@b.example,A,L\n",
			[]string{"2: name must not contain control characters or line breaks", "4: name must have 3 to 100 characters, not counting spaces around it"},
		},
		"open quote":    {roster.CSV, header + "ab,a@b.example,A,L\n\"open,a@b.example,A,L\n", []string{"2: name must have 3 to 100 characters, not counting spaces around it", `3: a quote is out of place: a field that holds a quote is written "like ""this"""; lines after it were not read`}},
		"empty":         {roster.CSV, "", []string{"1: the file is empty; its first line must name the columns: name, adminEmail, adminFirstName, adminLastName"}},
		"header only":   {roster.CSV, header, []string{"1: there are no tenants in the file"}},
		"no tenants":    {roster.JSON, "[]", []string{"1: there are no tenants in the file"}},
		"latin-1":       {roster.CSV, header + "Sp\xedtal,a@b.example,A,L\n", []string{`2: the file is not UTF-8; save it as "CSV UTF-8"`}},
		"half a UTF-16": {roster.CSV, "\xff\xfen\x00a", []string{`1: the file is UTF-16 and ends in the middle of a character; save it as "CSV UTF-8"`}},
		"utf-16 bare":   {roster.CSV, "n\x00a\x00m\x00e\x00", []string{`1: the file holds NUL characters, as UTF-16 without a mark does; save it as "CSV UTF-8"`}},
		"latin-1 of CR": {roster.CSV, "name\radminEmail\rSp\xedtal\r", []string{`3: the file is not UTF-8; save it as "CSV UTF-8"`}},
		"a workbook":    {roster.CSV, "PK\x03\x04\x14\x00", []string{`1: the file is a workbook or an archive; save it as "CSV UTF-8"`}},
		"content without a heading": {
			roster.CSV, "sep=;\nname;adminEmail;;adminFirstName;adminLastName;;\nOne;a@b.example;x;A;L;;\nTwo;a@b.example;;A;L;;;y\nThree;a@b.example;;A\n",
			[]string{
				`3: there is "x" in column C, which has no heading`,
				`4: there are 8 fields where line 2 names 5; the first too many, "y", is in column H`,
				"5: there are 4 fields where line 2 names 5",
			},
		},
		"not an array":  {roster.JSON, `{"tenants":[]}`, []string{`1: expected an array of tenants: [{"name": …, "adminEmail": …}, …]`}},
		"array of text": {roster.JSON, `["x"]`, []string{`1: expected an array of tenants: [{"name": …, "adminEmail": …}, …]`}},
		"after the end": {roster.JSON, "[]\n[]", []string{"2: there is something after the array"}},
		"cut off":       {roster.JSON, `[{"name":"On`, []string{"1: the file ends in the middle"}},
		"json fields": {roster.JSON, "[{\n\"name\":\"One\",\n\"name\":\"Two\",\n\"NAME\":\"Three\",\n\"tier\":7}]", []string{
			"3: name is there twice", `4: "NAME" is not known here; a tenant has name, adminEmail, adminFirstName, adminLastName, and may have tier, region, key`,
			"5: tier must be text in quotes",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, problems := roster.Parse([]byte(c.text), c.format)
			got := make([]string, len(problems))
			for i, p := range problems {
				got[i] = fmt.Sprintf("%d: %s", p.Line, p.Message)
			}
			require.Equal(t, c.want, got)
		})
	}
}

// TestOneTableInManyFiles: each of these is the same two tenants.
func TestOneTableInManyFiles(t *testing.T) {
	t.Parallel()
	const plain = "name,adminEmail,adminFirstName,adminLastName,tier,region\nSão Lucas,ada@lucas.example,Ada,Lovelace,,eu\nSt. Mary,b@b.example,B,M,,\n"
	want := parseCSV(t, plain)
	require.Len(t, want, 2)
	with := func(old, by string) string { return strings.ReplaceAll(plain, old, by) }
	utf16 := func(order unicode.Endianness, text string) string {
		encoded, err := unicode.UTF16(order, unicode.UseBOM).NewEncoder().String(text)
		require.NoError(t, err)
		return encoded
	}
	for what, given := range map[string]string{
		"CR":                     with("\n", "\r"),
		"CR LF":                  with("\n", "\r\n"),
		"CR LF and LF":           strings.Replace(plain, "\n", "\r\n", 1),
		"CR, CR LF and LF":       strings.Replace(strings.Replace(plain, "\n", "\r", 1), "\n", "\r\n", 1),
		"no last line end":       strings.TrimSuffix(plain, "\n"),
		"blank lines at the end": plain + "\n\n,,,,,\n\r\n",
		"blank lines above":      "\n,,,,,\n" + plain,
		"a mark":                 "\ufeff" + plain,
		"semicolons":             with(",", ";"),
		"tabs":                   with(",", "\t"),
		"sep=;":                  "sep=;\r\n" + with(",", ";"),
		"SEP=; in quotes":        "\ufeff\"SEP=;\"\n" + with(",", ";"),
		"sep of a tab":           "sep=\t\n" + with(",", "\t"),
		"sep of its own":         "sep=^\n" + with(",", "^"),
		"Unicode text":           utf16(unicode.LittleEndian, with(",", "\t")),
		"UTF-16 the other way":   utf16(unicode.BigEndian, plain),
		"no trailing fields":     strings.Replace(plain, "St. Mary,b@b.example,B,M,,", "St. Mary,b@b.example,B,M", 1),
		"columns without a name": with("\n", ",,,\n"),
		"more empty than named":  strings.Replace(plain, "B,M,,", "B,M,,,,,,,,", 1),
		"an empty column within": "name,,adminEmail,adminFirstName,adminLastName,tier,region\nSão Lucas,,ada@lucas.example,Ada,Lovelace,,eu\nSt. Mary,,b@b.example,B,M\n",
		"all in quotes":          "\"name\",\"adminEmail\",\"adminFirstName\",\"adminLastName\",\"tier\",\"region\"\n\"São Lucas\",\"ada@lucas.example\",\"Ada\",\"Lovelace\",\"\",\"eu\"\n\"St. Mary\",\"b@b.example\",\"B\",\"M\",\"\",\"\"\n",
		"separators in quotes":   strings.Replace(with(",", ";"), "name;", "\"name\";", 1),
		"headings as typed":      strings.Replace(plain, "name,adminEmail,adminFirstName,adminLastName", " NAME ,Admin\u00a0Email,admin_first_name,\ufeffADMIN-LAST NAME", 1),
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			rows, problems := roster.Parse([]byte(given), roster.CSV)
			require.Empty(t, problems)
			require.Len(t, rows, 2)
			for i := range rows {
				require.Equal(t, want[i].New, rows[i].New)
				require.Equal(t, want[i].Key, rows[i].Key, "so that a file that was saved anew goes on where it was")
			}
		})
	}
}

// TestLinesAreCountedAsAnEditorDoes, whatever stands above the row.
func TestLinesAreCountedAsAnEditorDoes(t *testing.T) {
	t.Parallel()
	_, problems := roster.Parse([]byte("\ufeffsep=;\r\r\n"+strings.ReplaceAll(header, ",", ";")+"\r\"Two\rlines\";a@b.example;A;L\rab;a@b.example;A;L\r"), roster.CSV)
	require.Len(t, problems, 2)
	require.Equal(t, 5, problems[0].Line)
	require.Equal(t, 7, problems[1].Line)
}

func TestStandardInputSaysItsFormat(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]roster.Format{
		"\ufeff \n[{\"name\":\"One\",\"adminEmail\":\"a@b.example\",\"adminFirstName\":\"A\",\"adminLastName\":\"L\"}]": roster.JSON,
		header + "One,a@b.example,A,L\n": roster.CSV,
	} {
		rows, format, err := roster.ReadFrom(strings.NewReader(text), "standard input")
		require.NoError(t, err)
		require.Equal(t, want, format)
		require.Len(t, rows, 1)
	}
	_, _, err := roster.ReadFrom(strings.NewReader(header+"ab,a@b.example,A,L\n"), "standard input")
	require.ErrorContains(t, err, "standard input:2: name must have")
}

func TestErrorNamesFileAndLines(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "tenants.csv")
	require.NoError(t, os.WriteFile(path, []byte(header+strings.Repeat("ab,a@b.example,A,L\n", 60)), 0o600))
	_, _, err := roster.Read(path)
	require.ErrorContains(t, err, "60 things to correct; nothing was created:\n  "+path+":2: name must have")
	require.ErrorContains(t, err, "… and 10 more")

	_, _, err = roster.Read("tenants.xlsx")
	require.ErrorContains(t, err, "must end in .csv or .json")
}

func TestKeyFollowsContent(t *testing.T) {
	t.Parallel()
	first := parseCSV(t, header+"One,a@b.example,A,L\n")[0]
	moved := parseCSV(t, header+"Other,a@b.example,A,L\n One,a@b.example,A,L\n")[1]
	require.Equal(t, first.Key, moved.Key, "a row keeps its key wherever it stands")
	changed := parseCSV(t, header+"One,b@b.example,A,L\n")[0]
	require.NotEqual(t, first.Key, changed.Key)
	shifted := parseCSV(t, header+"One,a@b.example,AL,L\n")[0]
	again := parseCSV(t, header+"One,a@b.example,A,LL\n")[0]
	require.NotEqual(t, shifted.Key, again.Key)
	require.Equal(t, "mine", parseCSV(t, "key,"+header+" mine ,One,a@b.example,A,L\n")[0].Key)
}

func TestTenThousandRows(t *testing.T) {
	t.Parallel()
	var csvText, jsonText strings.Builder
	csvText.WriteString(header)
	jsonText.WriteString("[\n")
	for i := range 10_000 {
		fmt.Fprintf(&csvText, "Hospital %d,a%d@b.example,Ada,Lovelace\n", i, i)
		sep := ","
		if i == 9_999 {
			sep = "]"
		}
		fmt.Fprintf(&jsonText, "{\"name\":\"Hospital %d\",\"adminEmail\":\"a%d@b.example\",\"adminFirstName\":\"Ada\",\"adminLastName\":\"Lovelace\"}%s\n", i, i, sep)
	}
	rows := parseCSV(t, csvText.String())
	require.Len(t, rows, 10_000)
	require.Equal(t, 10_001, rows[9_999].Line)
	fromJSON, problems := roster.Parse([]byte(jsonText.String()), roster.JSON)
	require.Empty(t, problems)
	require.Len(t, fromJSON, 10_000)
	require.Equal(t, rows[9_999].Key, fromJSON[9_999].Key)
	require.Equal(t, 10_001, fromJSON[9_999].Line)
}

// TestAnyNameSurvives writes what the domain accepts, however hostile, as a
// spreadsheet and as JSON would, and reads it back unchanged.
func TestAnyNameSurvives(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{
			`"; DROP SCHEMA public; --`, "=HYPERLINK(1)", "مستشفى السلام", "🏥🏥🏥", "a,b;c\td'e", "SELECT", "\u202eabc",
		})).Draw(t, "name")
		n, err := tenant.Spec{Name: name, Administrator: tenant.Administrator{Email: "a@b.example", FirstName: "A", LastName: "L"}}.Clean()
		if err != nil {
			t.Skip("not a name")
		}
		var text strings.Builder
		w := csv.NewWriter(&text)
		require.NoError(t, w.Write([]string{"name", "adminEmail", "adminFirstName", "adminLastName"}))
		require.NoError(t, w.Write([]string{name, "a@b.example", "A", "L"}))
		w.Flush()
		rows, problems := roster.Parse([]byte(text.String()), roster.CSV)
		require.Empty(t, problems)
		require.Equal(t, n, rows[0].New)

		asJSON, err := json.Marshal([]map[string]string{{"name": name, "adminEmail": "a@b.example", "adminFirstName": "A", "adminLastName": "L"}})
		require.NoError(t, err)
		rows, problems = roster.Parse(asJSON, roster.JSON)
		require.Empty(t, problems)
		require.Equal(t, n, rows[0].New)
	})
}

func FuzzParseNeverPanics(f *testing.F) {
	f.Add([]byte(header+"a,b,c,d"), true)
	f.Add([]byte(`[{"name":1}]`), false)
	f.Fuzz(func(t *testing.T, data []byte, isCSV bool) {
		format := roster.JSON
		if isCSV {
			format = roster.CSV
		}
		rows, problems := roster.Parse(data, format)
		require.True(t, len(rows) > 0 || len(problems) > 0, "either tenants or what is wrong")
	})
}
