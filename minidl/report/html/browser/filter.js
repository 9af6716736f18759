// What is typed into the filter: words that a row must hold, and comparisons such as lr<=0.1.

const TOKEN = /(?:[^\s"]|"[^"]*")+/g;
const COMPARISON = /^([^<>=!]+)(<=|>=|!=|=|<|>)(.*)$/;

// Whether a row may stay; throws an Error that says what isn't understood.
export function filterOf(text, columns) {
  const tests = (text.match(TOKEN) || []).map((token) => testOf(token, columns));
  return (row) => tests.every((test) => test(row));
}

function testOf(token, columns) {
  const found = token.match(COMPARISON);
  if (!found) return holds(bare(token).toLowerCase(), columns);
  const [, name, sign, given] = found;
  const column = columnOf(bare(name), columns);
  if (!column) throw new Error(`no column is called ${bare(name)}`);
  const wanted = bare(given);
  if (sign === "=" || sign === "!=") {
    const any = wanted.split("|").map((one) => one.toLowerCase());
    return (row) => any.some((one) => equals(column, row, one)) === (sign === "=");
  }
  const limit = Number(wanted);
  if (wanted === "" || Number.isNaN(limit)) throw new Error(`${bare(name)}${sign} needs a number`);
  const compare = {
    "<": (value) => value < limit, "<=": (value) => value <= limit,
    ">": (value) => value > limit, ">=": (value) => value >= limit,
  }[sign];
  return (row) => typeof column.value(row) === "number" && compare(column.value(row));
}

const bare = (text) => text.replace(/"/g, "");

function columnOf(name, columns) {
  const wanted = name.toLowerCase();
  const called = (column) => [column.id, column.head].map((one) => one.toLowerCase());
  return columns.find((column) => called(column).includes(wanted))
    || columns.find((column) => column.id.toLowerCase().endsWith(`.${wanted}`));
}

function equals(column, row, wanted) {
  const value = column.value(row);
  if (typeof value === "number" && wanted !== "" && Number(wanted) === value) return true;
  return [String(value ?? ""), column.text(row) ?? ""].some((one) => one.toLowerCase() === wanted);
}

function holds(word, columns) {
  return (row) => columns.some((column) => String(column.text(row) ?? "").toLowerCase().includes(word));
}
