import { dtdlRules } from "./chineseDtdl";

/** What the server says of a fusion rule or of a type that it cannot take, in Chinese. */
const texts: readonly [RegExp, string][] = [
  [/^must be a number from (\S+) to (\S+)$/, "须为 $1 至 $2 之间的数值"],
  [/^must say a number by source, for at most (\d+) of them$/, "须为每个来源给出数值，最多 $1 个"],
  [/^must list different sources, at most (\d+)$/, "须列出不重复的来源，最多 $1 个"],
  [/^the method priority needs the order of the sources$/, "此方法需要给出来源的顺序"],
  [/^needs "\*", too: .*$/, "还须给出“其他全部”：未列出的来源同样有误差"],
  [/^only numbers have a mean or a median\b.*/, "只有数值才有平均值或中位数，请选最新值或最可信来源"],
  [/^must be one of (.*)$/, "须为以下之一：$1"],
  [/^the model is not valid JSON.*/, "不是有效的 JSON"],
  [/^must be an interface, or an array of interfaces$/, "须为一个接口或接口数组"],
  [/^end the identifier with a version, e\.g\. ;1$/, "编号须以版本结尾，如 ;1"],
  [/^give a type that is there one new version at a time$/, "已有的类型一次只能增加一个版本"],
  [/^the twins of (\S+) are on the way to (\S+)$/, "$1 的孪生体正在迁移到 $2"],
  [/^must be a list of at most (\d+) steps$/, "须为步骤列表，最多 $1 步"],
  [/^no type of this name gets a new version$/, "没有此名称的类型得到新版本"],
];

/** In Chinese, or what its rule asks for before the sentence as it came. */
export function chineseOfFault(message: string, rule = ""): string {
  const found = texts.find(([english]) => english.test(message));
  if (found) return message.replace(found[0], found[1]);
  return dtdlRules[rule] ? `${dtdlRules[rule]}（${message}）` : message;
}
