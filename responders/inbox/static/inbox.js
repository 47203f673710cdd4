// Everything works without this file, by plain forms. With it pages stay live,
// texts are checked while they are typed, and single keys work.
"use strict";

const one = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];
const main = one("#main");
const PAGE = main.dataset.page;
const FIELD = "textarea, select, input:not([type=checkbox], [type=hidden])";

// A page that answered a form is shown under the address that it can be reloaded from.
if (PAGE && PAGE !== location.pathname + location.search) history.replaceState(null, "", PAGE);

// Live: fetch the page again and put its changed parts in place.

const seen = new Map(all("[data-live]").map((part) => [part.dataset.live, part.outerHTML]));
let busy = false;
let again = false;
let soon = 0;
let askedAt = -Infinity;
let movedAt = -Infinity;
let moved = new WeakSet();

// At once, but in a storm of changes not more than about once a second.
function refreshSoon() {
  soon ||= setTimeout(refresh, Math.max(60, askedAt + 800 - performance.now()));
}

async function refresh() {
  soon = 0;
  askedAt = performance.now();
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  try {
    const answer = await fetch(PAGE, { cache: "no-store" });
    if (new URL(answer.url).pathname === "/sign-in") leave();
    else if (answer.ok) swap(new DOMParser().parseFromString(await answer.text(), "text/html"));
  } catch {
    // the network is gone; the event stream notices and says so
  } finally {
    busy = false;
    if (again) {
      again = false;
      refreshSoon();
    }
  }
}

function swap(fresh) {
  const anchor = all(".card").find((card) => card.getBoundingClientRect().bottom > 0);
  const top = anchor?.getBoundingClientRect().top;
  const focus = whereabouts(document.activeElement);
  const before = places();
  for (const part of all("[data-live]")) {
    const name = part.dataset.live;
    const now = one(`[data-live="${name}"]`, fresh);
    if (!now || now.outerHTML === seen.get(name)) continue;
    if (isTouched(part)) {
      sayChanged(part, now);
      continue;
    }
    seen.set(name, now.outerHTML);
    const open = all("details[open] > summary", part).map((each) => each.textContent);
    part.replaceWith(now);
    for (const each of all("summary", now)) each.parentElement.open = open.includes(each.textContent);
    restore(now);
  }
  document.title = fresh.title;
  const anchored = anchor?.id && document.getElementById(anchor.id);
  if (anchored) scrollBy({ top: anchored.getBoundingClientRect().top - top, behavior: "instant" });
  noteMoves(before);
  if (focus && !document.activeElement.closest("main")) find(focus)?.focus({ preventScroll: true });
}

// Where everything stands that can be pressed, by what it does.
const pressables = () => all("main button, main a");
const does = (each) => `${each.form?.action} ${each.form?.elements.revision?.value} ${each.value} ${each.href}`;
const places = () => new Map(pressables().map((each) => [does(each), each.getBoundingClientRect().top]));

function noteMoves(before) {
  const isElsewhere = (each) => !(Math.abs(before.get(does(each)) - each.getBoundingClientRect().top) < 8);
  moved = new WeakSet(pressables().filter(isElsewhere));
  movedAt = performance.now();
}

// A finger that is already on its way must not hit what has just moved under it.
document.addEventListener("click", (event) => {
  if (event.detail && performance.now() - movedAt < 350 && moved.has(event.target.closest("button, a"))) {
    event.preventDefault();
    event.stopPropagation();
  }
}, true);

// Typed words are never replaced.
const isTouched = (part) => all(FIELD, part).some((field) => field.value !== field.defaultValue || field.dataset.typed || (field === document.activeElement && !field.readOnly));

function sayChanged(part, now) {
  const hasMoved = one("[data-editor]", part) && part.dataset.revision !== now.dataset.revision;
  if (hasMoved) one("[data-changed]").hidden = false;
}

function whereabouts(element) {
  const card = element?.closest("main [data-live]");
  if (!card) return null;
  const home = element.closest("[id]");
  const cards = all(".card");
  const mark = element.name ? `[name="${element.name}"][value="${element.value}"]` : element.matches("a") ? `[href="${element.getAttribute("href")}"]` : "";
  return { id: home?.id, path: element === home ? "" : element.localName + mark, index: cards.indexOf(element.closest(".card")) };
}

function find(focus) {
  const home = focus.id && document.getElementById(focus.id);
  if (home) return (focus.path && one(focus.path, home)) || home;
  const cards = all(".card");
  return focus.index < 0 ? main : cards[Math.min(focus.index, cards.length - 1)] || main;
}

let stream = null;

function listen() {
  if (!PAGE || !seen.size) return;
  if (document.hidden) {
    stream?.close();
    stream = null;
  } else if (!stream || stream.readyState === EventSource.CLOSED) {
    stream = new EventSource("/events");
    stream.addEventListener("open", () => sayOffline(false));
    stream.addEventListener("open", refreshSoon);
    stream.addEventListener("changed", refreshSoon);
    stream.addEventListener("signed-out", leave);
    stream.addEventListener("error", lose);
  }
}

// Browsers ask again by themselves, but not after an answer that was no stream (signed out, a proxy's error page).
function lose() {
  sayOffline(true);
  if (stream?.readyState !== EventSource.CLOSED) return;
  refreshSoon();
  setTimeout(listen, 5000);
}

let offline = 0;

function sayOffline(isGone) {
  clearTimeout(offline);
  const strip = one("[data-offline]");
  if (isGone) offline = setTimeout(() => (strip.hidden = false), 4000);
  else strip.hidden = true;
}

function leave() {
  stream?.close();
  if (!all("[data-live]").some(isTouched)) location.assign("/sign-in");
}

document.addEventListener("visibilitychange", listen);
setInterval(() => {
  if (document.hidden) return;
  listen();
  if (seen.size && PAGE) refreshSoon(); // "due in 2 h" grows old
}, 60000);

// Seconds run down where something can still be undone.
setInterval(() => {
  for (const each of all("[data-left]")) {
    each.until ??= performance.now() + Number(each.dataset.left) * 1000;
    const left = Math.max(0, Math.ceil((each.until - performance.now()) / 1000));
    const text = `${left} s`;
    if (each.textContent !== text) each.textContent = text;
    if (!left && !each.over) {
      each.over = true;
      refreshSoon();
    }
  }
}, 250);

// The editor: checks while typing, and words that survive a reload.

let checking = null;
let pause = 0;

function edited(form) {
  const area = form.elements.text;
  const isEdited = area.value.trim() !== area.dataset.saved.trim();
  const approve = one("[data-edited]", form);
  if (approve) {
    approve.plain ??= [...approve.childNodes];
    approve.replaceChildren(...(isEdited ? [approve.dataset.edited] : approve.plain));
  }
  remember(form, isEdited);
  clearTimeout(pause);
  pause = setTimeout(check, 300, form);
}

async function check(form) {
  checking?.abort();
  checking = new AbortController();
  const body = new URLSearchParams({ token: form.elements.token.value, text: form.elements.text.value });
  try {
    const answer = await fetch(form.dataset.check, { method: "POST", body, signal: checking.signal });
    const fresh = answer.ok && one("#checks", new DOMParser().parseFromString(await answer.text(), "text/html"));
    if (fresh) one("#checks", form).replaceChildren(...fresh.childNodes);
  } catch {
    // typed on, or offline: the server checks again before anything is approved
  }
}

const key = (form) => `draft-${form.dataset.editor}`;

function remember(form, isEdited, sent = false) {
  const { text, revision } = form.elements;
  if (isEdited) sessionStorage.setItem(key(form), JSON.stringify({ text: text.value, revision: revision.value, sent }));
  else sessionStorage.removeItem(key(form));
}

function restore(root) {
  const form = one("[data-editor]", root);
  if (!form) return;
  const { text, revision } = form.elements;
  // Typed before this file had arrived, or shown again after a refusal.
  if (text.value.trim() !== text.dataset.saved.trim()) {
    edited(form);
    return;
  }
  if (text.dataset.typed) return;
  const kept = JSON.parse(sessionStorage.getItem(key(form)) || "null");
  const hasArrived = kept?.sent && kept.revision !== revision.value;
  if (!kept || hasArrived || kept.text.trim() === text.dataset.saved.trim()) {
    sessionStorage.removeItem(key(form));
  } else if (text.value !== kept.text) {
    text.value = kept.text;
    edited(form);
  }
}

document.addEventListener("input", (event) => {
  const form = event.target.closest("[data-editor]");
  if (form && event.target.name === "text") edited(form);
});

// One tap, one decision; the server would refuse the second, but politely not asking is kinder.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "dialog") return;
  if (form.sent) {
    event.preventDefault();
    return;
  }
  form.sent = true;
  if (form.dataset.editor) remember(form, form.elements.text.value.trim() !== form.elements.text.dataset.saved.trim(), true);
  for (const button of all("button", form)) button.setAttribute("aria-disabled", "true");
});
addEventListener("pageshow", () => {
  for (const form of document.forms) {
    form.sent = false;
    for (const button of all("button", form)) button.removeAttribute("aria-disabled");
  }
});

// Small things.

async function copy(button) {
  const area = document.getElementById(button.dataset.copy);
  try {
    await navigator.clipboard.writeText(area.value);
  } catch {
    // without https there is no clipboard to write to: select it, and copy the old way
    area.focus();
    area.select();
    if (!document.execCommand("copy")) return;
  }
  button.textContent = "Copied";
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.copy) copy(button);
  if (button && "help" in button.dataset) one("#help").showModal();
  if (button && "seen" in button.dataset) one("[data-changed]").hidden = true;
});

document.addEventListener("change", (event) => {
  if ("keys" in event.target.dataset) localStorage.setItem("keys", event.target.checked ? "on" : "off");
  const form = event.target.closest("[data-praise]");
  if (!form) return;
  const number = all("[name=chosen]:checked", form).length;
  one("[data-count]", form).textContent = number;
  one("button.main", form).disabled = !number;
});

// Single keys; never while somebody types, and not where they were switched off.

const cards = () => all(".card").filter((card) => card.offsetParent);
const chosen = () => document.activeElement.closest(".card");
const isCase = () => Boolean(one("[data-case]"));

function move(step) {
  const list = cards();
  if (!list.length) {
    if (step > 0) one(".next a")?.click();
    return;
  }
  const at = list.indexOf(chosen());
  const next = list[at < 0 ? (step > 0 ? 0 : list.length - 1) : Math.max(0, Math.min(list.length - 1, at + step))];
  next.focus({ preventScroll: true });
  next.scrollIntoView({ block: "nearest" });
}

function open(part = "") {
  const address = chosen()?.dataset.open;
  if (address) location.assign(address + part);
}

function unfold(name) {
  const summary = one(`summary[data-key="${name}"]`);
  if (!summary) return;
  summary.parentElement.open = true;
  one("input:not([type=hidden]), button", summary.parentElement).focus();
}

function write() {
  const area = one("#text");
  area?.focus();
  area?.setSelectionRange(area.value.length, area.value.length);
}

// In the queue a key needs a chosen card; on a case it means that case.
const press = (name) => one(`[data-key="${name}"]`, isCase() ? document : chosen() || document.createElement("i"))?.click();

const KEYS = {
  j: () => move(1),
  k: () => move(-1),
  o: () => open(),
  Enter: () => open(),
  a: () => press("a"),
  e: () => (isCase() ? write() : open("#edit")),
  r: () => (isCase() ? unfold("r") : open("#reject")),
  s: () => (isCase() ? unfold("s") : open("#later")),
  u: () => (chosen() || isCase() ? press("u") : one('[data-key="u"]')?.click()),
  "/": () => one("#q").focus(),
  "?": () => one("#help").showModal(),
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && event.target.matches(FIELD)) event.target.blur();
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
  if (event.target.matches(FIELD) || one("dialog[open]") || localStorage.getItem("keys") === "off") return;
  if (event.key === "Enter" && !event.target.matches(".card")) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});

one("[data-help]").hidden = false;
one("[data-keys]").checked = localStorage.getItem("keys") !== "off";
restore(document);
if (isCase()) ({ "#edit": write, "#reject": () => unfold("r"), "#later": () => unfold("s") })[location.hash]?.();
listen();
