// Links and forms without a page load: the same addresses, asked for with X-Part, fill <main>.
// Everything works without this file; what it cannot do is left to the browser.

const said = document.getElementById("said");
let turn = 0; // of whoever asked last: an older answer is not shown
let getting = null; // the page under way: a newer one ends it
let line = Promise.resolve(); // forms wait for each other, since each changes the cookie

document.documentElement.classList.add("js");

function say(words, shown = false) {
  said.classList.toggle("shown", shown);
  said.textContent = "";
  setTimeout(() => { said.textContent = words; }, 50); // a change, even of the same words
}

const main = () => document.getElementById("main");

async function fetched(url, options) {
  const headers = { "X-Part": "main" };
  const answer = await fetch(url, { ...options, headers, credentials: "same-origin" });
  const text = await answer.text();
  const html = (answer.headers.get("content-type") ?? "").startsWith("text/html");
  return { answer, text, page: html ? new DOMParser().parseFromString(text, "text/html") : null };
}

function asked(url, body) {
  getting?.abort();
  if (body) {
    const sent = line.then(() => fetched(url, { method: "POST", body }));
    line = sent.catch(() => {});
    return sent;
  }
  getting = new AbortController();
  return fetched(url, { signal: getting.signal });
}

function put(page, focus) {
  const before = main();
  const after = document.adoptNode(page.querySelector("main"));
  const active = document.activeElement;
  const inside = before.contains(active);
  const id = active?.id;
  const section = active?.closest?.("section[id]")?.id;
  for (const open of before.querySelectorAll("details[id]")) {
    const same = after.querySelector(`#${CSS.escape(open.id)}`);
    if (same) same.open = open.open;
  }
  before.replaceWith(after);
  document.title = page.title || document.title;
  rove(after);
  if (focus) {
    (after.querySelector("h1") ?? after).focus({ preventScroll: true });
  } else if (inside) {
    const heading = section && document.querySelector(`#${CSS.escape(section)} h2`);
    const there = (id && document.getElementById(id)) || heading || after;
    there.focus({ preventScroll: there.id === id });
  }
  say(after.dataset.said);
}

// `how`: push (a new entry of the history), replace, or keep (it is there already).
async function go(url, { body, how = "push", focus = false, y = 0 } = {}) {
  const mine = ++turn;
  main().setAttribute("aria-busy", "true");
  try {
    const { answer, text, page } = await asked(url, body);
    if (mine !== turn) return;
    if (!page?.querySelector("main")) {
      if (answer.ok) return void location.assign(url);
      return say(refusal(text) ?? `The server said ${answer.status}.`, true);
    }
    if (how !== "keep" && answer.ok) remember(new URL(answer.url), how, new URL(url, location).hash);
    put(page, focus);
    if (focus) arrive(y);
  } catch {
    if (mine === turn) say(said.dataset.unreachable ?? "The server cannot be reached. Please try again.", true);
  } finally {
    if (mine === turn) main().removeAttribute("aria-busy");
  }
}

function remember(now, how, hash) {
  const place = now.pathname + now.search;
  if (how === "replace" || place === location.pathname + location.search) {
    history.replaceState(history.state, "", place + hash);
  } else {
    history.replaceState({ y: scrollY }, "");
    history.pushState(null, "", place + hash);
  }
}

function refusal(text) {
  try { return JSON.parse(text).error.message; } catch { return null; }
}

// A new page: its search, and its place.
function arrive(y) {
  const search = document.querySelector("form[data-live] input");
  if (search) search.value = new URLSearchParams(location.search).get("q") ?? "";
  const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (target) target.scrollIntoView(); else scrollTo(0, y);
}

function query(form) {
  const fields = [...new FormData(form)].filter(([, value]) => value !== "");
  const words = new URLSearchParams(fields).toString();
  return form.action.split("?")[0] + (words ? `?${words}` : "");
}

function plain(event) {
  return !event.defaultPrevented && event.button === 0
    && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
}

document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a[href]");
  if (!link || !plain(event) || link.target || link.origin !== location.origin) return;
  if (link.hash && link.pathname + link.search === location.pathname + location.search) return;
  event.preventDefault();
  go(link.href, { focus: !link.dataset.stay });
});

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (event.defaultPrevented || new URL(form.action).origin !== location.origin) return;
  event.preventDefault();
  clearTimeout(waiting);
  if (form.method === "get") return void go(query(form), { focus: form.matches("[role=search]") });
  go(form.action, { body: new URLSearchParams(new FormData(form, event.submitter)) });
});

let waiting = 0;

function soon(what, milliseconds) {
  clearTimeout(waiting);
  waiting = setTimeout(what, milliseconds);
}

document.addEventListener("input", (event) => {
  const form = event.target.form;
  if (form?.matches("[data-live]") && !event.isComposing) {
    const typed = event.target.value.trim();
    const how = location.pathname === new URL(form.action).pathname ? "replace" : "push";
    soon(() => go(typed ? query(form) : "/", { how }), 250);
  }
});

document.addEventListener("change", (event) => {
  const form = event.target.form;
  if (form?.matches("[data-auto]")) soon(() => go(query(form), { how: "replace" }), 200);
});

addEventListener("popstate", (event) => {
  go(location.href, { how: "keep", focus: true, y: event.state?.y });
});

// Stars: one stop of the tab key, arrows move between them.
function rove(root) {
  for (const group of root.querySelectorAll("[data-rove]")) {
    group.setAttribute("role", "toolbar");
    const all = [...group.querySelectorAll("button")];
    const first = all.find((one) => one.getAttribute("aria-pressed") === "true") ?? all[0];
    for (const one of all) one.tabIndex = one === first ? 0 : -1;
  }
}

const STEPS = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1 };

document.addEventListener("keydown", (event) => {
  const group = event.target.closest?.("[data-rove]");
  if (!group || !(event.key in STEPS || event.key === "Home" || event.key === "End")) return;
  const all = [...group.querySelectorAll("button")];
  const at = all.indexOf(event.target);
  const to = event.key === "Home" ? 0 : event.key === "End" ? all.length - 1
    : Math.min(all.length - 1, Math.max(0, at + STEPS[event.key]));
  event.preventDefault();
  for (const one of all) one.tabIndex = one === all[to] ? 0 : -1;
  all[to].focus();
});

// Parts that keep themselves fresh, unless somebody is busy in them, has paused them, or looks
// elsewhere.
async function refresh() {
  const parts = [...document.querySelectorAll("[data-refresh]")];
  const still = document.getElementById("pause")?.getAttribute("aria-pressed") === "true";
  if (!parts.length || still || document.hidden || main().ariaBusy) return;
  try {
    const answer = await fetch(location.pathname, { headers: { "X-Part": "main" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (answer.ok && !page.querySelector("[data-refresh]")) return void location.reload(); // signed out
    for (const old of parts) {
      const fresh = page.getElementById(old.id);
      const busy = old.contains(document.activeElement) || old.querySelector("details[open]");
      if (fresh && !busy && old.isConnected) old.replaceWith(document.adoptNode(fresh));
    }
  } catch {
    say("The server cannot be reached; these figures are old.", true);
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("#pause");
  if (button) button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
});

const seconds = Number(document.querySelector("[data-refresh]")?.dataset.refresh ?? 0);
if (seconds) setInterval(refresh, 1000 * seconds);
rove(document);
