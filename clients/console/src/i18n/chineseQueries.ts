/** What the server says of a query that it cannot read, in Chinese. What is missing is shown as it came. */
const texts: readonly [RegExp, string][] = [
  [/^expected a value: .*/, "此处应为值：数值、加引号的文本、true、false 或 null"],
  [/^expected a field\b.*/, "此处应为字段，如 properties/level"],
  [/^expected an operator: (.*)$/, "此处应为运算符：$1"],
  [/^expected the end$/, "查询到此应已结束"],
  [/^expected the name of a relation$/, "此处应为关系名称"],
  [/^expected (.*)$/, "此处应为 $1"],
  [/^the quote that begins here has no end$/, "此处开始的引号没有结束"],
  [/^a field begins with one of (.*)$/, "字段须以下列之一开头：$1"],
  [/^relations are asked for by name\b.*/, "关系须指明名称：relations/名称"],
  [/^relations are asked for with (.*)$/, "关系只能用 $1 查询"],
  [/^relations have no order$/, "关系不能排序"],
  [/^(\S+) has nothing below it$/, "$1 之下没有字段"],
  [/^a field has no empty segments$/, "字段中不能有空的部分"],
  [/^a field has at most (\d+) segments below (\S+)$/, "$2 之下最多 $1 级"],
  [/^this field has a character\b.*/, "此字段含有查询中不能出现的字符"],
  [/^this character cannot be part of a query$/, "查询中不能出现此字符"],
  [/^what follows % in a field must be UTF-8$/, "字段中 % 之后须为 UTF-8 编码"],
  [/^a query is at most (\d+) levels deep$/, "查询最多嵌套 $1 层"],
  [/^a query follows at most (\d+) relations in a row$/, "查询最多连续跟随 $1 个关系"],
  [/^a query has at most (\d+) operators$/, "查询最多 $1 个运算符"],
  [/^a query has at most (\d+) bytes$/, "查询最多 $1 字节"],
  [/^a number has at most (\d+) digits$/, "数值最多 $1 位"],
  [/^in\(\) takes at most (\d+) values$/, "in() 最多 $1 个值"],
  [/^number\(\) is for properties and desired$/, "number() 只用于 properties 和 desired"],
  [/^this field takes a number$/, "此字段的值应为数值"],
  [/^this field takes a text in quotes$/, "此字段的值应为加引号的文本"],
  [/^this field takes a time in quotes with its zone, e\.g\. (.*)$/, "此字段的值应为加引号且带时区的时间，如 $1"],
  [/^(\w+)\(\) is for text$/, "$1() 只用于文本"],
  [/^(\w+)\(\) takes a text in quotes$/, "$1() 的值应为加引号的文本"],
  [/^(\w+)\(\) takes a number or a text$/, "$1() 的值应为数值或文本"],
];

export function chineseOfQuery(message: string): string {
  const found = texts.find(([english]) => english.test(message));
  return found ? message.replace(found[0], found[1]) : message;
}
