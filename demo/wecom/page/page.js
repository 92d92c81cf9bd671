"use strict";
// Texts of messages are put in with textContent only: they come from outside.
const view = { user: null, last: "" };

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  return made;
}

function say(text) {
  document.getElementById("said").textContent = text;
}

function link(address, text) {
  if (!/^https?:\/\//.test(address || "")) return element("span");
  const made = element("a", "more", text);
  made.href = address;
  made.target = "_blank";
  made.rel = "noopener noreferrer";
  return made;
}

async function click(message, key, pressed) {
  pressed.disabled = true;
  const answer = await fetch("/stand-in/click", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ msgid: message.msgid, user: view.user, button_key: key }),
  });
  const said = await answer.json();
  if (!answer.ok) say(`未能点击 Not clicked: ${said.detail || answer.status}`);
  else if (said.status === 200) say(`回调已送达 Callback delivered (${said.applied})`);
  else say(`回调失败 Callback failed: HTTP ${said.status}, ${said.tries} 次 tries`);
  view.last = "";
  await refresh();
}

function buttons(message, card) {
  const row = element("div", "buttons");
  const change = (message.changes[view.user] || {}).replace_name;
  if (change) {
    const replaced = element("button", "replaced", change);
    replaced.disabled = true;
    row.append(replaced);
    return row;
  }
  for (const button of card.button_list || (card.submit_button ? [card.submit_button] : [])) {
    const made = element("button", `style-${button.style || 1}`, button.text);
    made.type = "button";
    made.dataset.key = button.key || "";
    if (button.type === 1) made.addEventListener("click", () => window.open(button.url, "_blank", "noopener"));
    else made.addEventListener("click", () => click(message, button.key, made));
    row.append(made);
  }
  return row;
}

function cardOf(message) {
  const card = (message.changes[view.user] || {}).template_card || message.content;
  const box = element("article", "card");
  const title = card.main_title || {};
  const quote = card.quote_area || {};
  const action = card.card_action || {};
  if (card.source && card.source.desc) box.append(element("div", "source", card.source.desc));
  if (title.title) box.append(element("div", "title", title.title));
  if (title.desc) box.append(element("div", "desc", title.desc));
  if (quote.quote_text) {
    const area = element("div", "quote");
    area.append(element("b", "", quote.title), element("div", "", quote.quote_text));
    box.append(area);
  }
  if (card.sub_title_text) box.append(element("div", "sub", card.sub_title_text));
  const rows = element("dl");
  for (const row of card.horizontal_content_list || []) {
    rows.append(element("dt", "", row.keyname), element("dd", "", row.value));
  }
  if (rows.childElementCount) box.append(rows);
  if (card.button_list || card.submit_button) box.append(buttons(message, card));
  if (action.url) box.append(link(action.url, "详情 Details ›"));
  return box;
}

function bubbleOf(message) {
  if (message.msgtype === "template_card") return cardOf(message);
  const content = message.content;
  const box = element("article", "card");
  if (content.title) box.append(element("div", "title", content.title));
  box.append(element("div", "text", content.content || content.description));
  for (const article of content.articles || []) box.append(element("div", "title", article.title));
  if (content.url) box.append(link(content.url, content.btntxt || "详情 Details ›"));
  return box;
}

function showMembers(members) {
  document.getElementById("members").replaceChildren(...members.map((name) => {
    const entry = element("li");
    const button = element("button", "", name);
    button.type = "button";
    button.setAttribute("aria-current", String(name === view.user));
    button.addEventListener("click", () => { view.user = name; view.last = ""; refresh(); });
    entry.append(button);
    return entry;
  }));
}

function showMessages(items) {
  const list = document.getElementById("messages");
  if (!items.length) {
    list.replaceChildren(element("p", "empty", "还没有消息 No messages yet"));
    return;
  }
  list.replaceChildren(...items.flatMap((message) => [
    element("div", "time", new Date(message.sent_at).toLocaleString("zh-CN")),
    bubbleOf(message),
  ]));
}

async function refresh() {
  const query = view.user ? `?limit=50&user=${encodeURIComponent(view.user)}` : "?limit=1";
  const text = await (await fetch(`/stand-in/messages${query}`)).text();
  if (text === view.last) return;
  const book = JSON.parse(text);
  if (!view.user && book.members.length) {
    view.user = book.members[0];
    return refresh();
  }
  view.last = text;
  document.getElementById("who").textContent = view.user || "—";
  document.getElementById("standing").textContent =
    `内存中保存最近 ${book.kept_at_most} 条消息,现有 ${book.kept} 条 · ${book.note}`;
  showMembers(book.members);
  showMessages(book.items);
  window.__ready = true;
}

async function watch() {
  try {
    if (!document.hidden) await refresh();
  } catch (error) {
    say("替身没有回答 The stand-in does not answer");
  }
  setTimeout(watch, 2000);
}

watch();
