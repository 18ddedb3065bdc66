// Progressive enhancement only: every page works without this file.
"use strict";

// Times: shown in the reader's zone, with UTC on hover. This year goes without saying. The zone stands once in the head
// of a table that has room for it, and beside every other time.
const parts = { month: "short", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" };
const thisYear = new Intl.DateTimeFormat(undefined, parts);
const anyYear = new Intl.DateTimeFormat(undefined, { year: "numeric", ...parts });
const offset = new Intl.DateTimeFormat("en", { timeZoneName: "shortOffset" });

function zoneAt(moment) {
  const zone = offset.formatToParts(moment).find((part) => part.type === "timeZoneName").value;
  return zone.replace("GMT", "UTC").replace(/[+-]0$/, "");
}

function zonesOf(table) {
  return [...new Set([...table.querySelectorAll("time[datetime]")].map((time) => zoneAt(new Date(time.dateTime))))];
}

// In a table whose head names one zone, it is every time's. Where the clocks were changed among them, each says its own.
function showLocalTimes(root) {
  const told = new Set([...root.querySelectorAll("table:has([data-zone])")].filter((table) => zonesOf(table).length < 2));
  for (const element of root.querySelectorAll("time[datetime]:not([title])")) {
    const moment = new Date(element.dateTime);
    if (Number.isNaN(moment.getTime())) continue;
    element.title = element.dateTime.replace("T", " ").replace("Z", " UTC");
    const format = moment.getFullYear() === new Date().getFullYear() ? thisYear : anyYear;
    element.textContent = told.has(element.closest("table")) ? format.format(moment) : `${format.format(moment)} ${zoneAt(moment)}`;
  }
}

// Beside a field, the zone is that of what is typed there: in summer it may be another than now.
function showZones(root) {
  for (const element of root.querySelectorAll("[data-zone]")) {
    const table = element.closest("table");
    const input = element.closest("label")?.querySelector("input");
    const moment = input?.value ? new Date(`${utcOf(input)}Z`) : new Date();
    element.textContent = (table && zonesOf(table).join(" / ")) || zoneAt(moment);
    if (table) table.dataset.zoned = element.textContent;
  }
}

// Moments that are typed: in the reader's zone here, in UTC in addresses, so that these can be shared.
function takeLocalMoments(root) {
  for (const input of root.querySelectorAll("input[data-utc]")) {
    const moment = new Date(`${input.defaultValue}Z`);
    delete input.dataset.utc;
    input.dataset.local = "";
    if (Number.isNaN(moment.getTime())) continue;
    const local = new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000);
    input.value = local.toISOString().slice(0, input.defaultValue.length);
    input.dataset.local = input.value;
  }
}

// What is left as it was stays what it was: of an hour that comes twice, what is typed means the first.
function utcOf(input) {
  if (input.value === input.dataset.local) return input.defaultValue;
  return new Date(input.value).toISOString().slice(0, input.value.length);
}

document.addEventListener("formdata", (event) => {
  for (const input of event.target.querySelectorAll("input[data-local]")) {
    if (input.value) event.formData.set(input.name, utcOf(input));
  }
});

// Copy buttons: hidden until a script can serve them.
function showCopyButtons(root) {
  for (const button of root.querySelectorAll("button[data-copy][hidden]")) button.hidden = false;
}

async function copy(button) {
  const label = button.dataset.label ?? (button.dataset.label = button.textContent);
  button.textContent = await isCopied(document.getElementById(button.dataset.copy)) ? "Copied" : "Press Ctrl+C";
  setTimeout(() => { button.textContent = label; }, 1600);
}

// Over plain http, or without the permission, only what is shown and selected can be copied.
async function isCopied(source) {
  try {
    await navigator.clipboard.writeText(source.textContent);
    return true;
  } catch {
    const wasHidden = source.hidden;
    source.hidden = false;
    getSelection().selectAllChildren(source);
    if (!document.execCommand("copy")) return false;
    getSelection().removeAllRanges();
    source.hidden = wasHidden;
    return true;
  }
}

// Mapping rows: one more empty row.
function addRow(button) {
  const rows = document.getElementById(button.dataset.addRow);
  const row = rows.lastElementChild.cloneNode(true);
  for (const input of row.querySelectorAll("input")) input.value = "";
  for (const select of row.querySelectorAll("select")) select.selectedIndex = 0;
  rows.append(row);
  row.querySelector("input").focus();
}

// A long list of choices: those that have in them what is typed, and those that are ticked.
function narrow(input) {
  const wanted = input.value.trim().toLowerCase();
  for (const choice of document.getElementById(input.dataset.narrows).children) {
    choice.hidden = !choice.textContent.toLowerCase().includes(wanted) && !choice.querySelector(":checked");
  }
}

function togglePause(button) {
  const paused = document.body.toggleAttribute("data-paused");
  button.textContent = paused ? "Resume" : "Pause";
  sayLive(paused ? "Paused" : howItGoes());
}

function sayLive(words) {
  const live = document.getElementById("live");
  if (!live || live.textContent === words) return;  // said again, it would be read again
  live.classList.toggle("paused", words !== "Live");
  live.classList.toggle("silent", words === NO_ANSWER);
  live.textContent = words;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.copy) copy(button);
  if (button.dataset.addRow) addRow(button);
  if (button.dataset.pause !== undefined) togglePause(button);
});

// A second click while the first is on its way sends nothing: it would be done twice. After a file, the page is the same.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post") return;
  if ("sent" in form.dataset) return event.preventDefault();
  form.dataset.sent = "";
  setTimeout(() => { delete form.dataset.sent; }, "file" in form.dataset ? 4000 : 60_000);
  if (Date.now() - known < 600_000 || !person(document)) return;
  event.preventDefault();
  sendIfSignedIn(form, event.submitter);
});

window.addEventListener("pageshow", (event) => {  // back from the page that it led to
  if (event.persisted) for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// Of a page that was open for long, the session may have ended: what was typed would be lost with the form. Who signs in
// again meanwhile can send it; somebody else can't send what they did not type.
let known = Date.now();  // when the server last said who is signed in

function person(page) {
  return page.querySelector(".whoami b")?.textContent;
}

async function sendIfSignedIn(form, button) {
  const answer = await fetch("/password", { headers: { "HX-Request": "true" } }).catch(() => null);
  const page = new DOMParser().parseFromString(await answer?.text() ?? "", "text/html");
  delete form.dataset.sent;
  if (answer?.status === 401) return saySignedOut(form);
  if (person(page) === person(document)) {
    const token = page.querySelector("[name=csrf_token]").value;
    for (const input of document.querySelectorAll("[name=csrf_token]")) input.value = token;
  }
  known = Date.now();
  form.requestSubmit(button);
}

function saySignedOut(form) {
  const note = document.getElementById("signed-out");
  form.before(note);
  note.hidden = false;
  note.focus();
}

document.addEventListener("input", (event) => {
  if (event.target.dataset.narrows) narrow(event.target);
  if (event.target.dataset.chooses) document.querySelector(event.target.dataset.chooses).checked = true;
  if ("local" in event.target.dataset) showZones(event.target.closest("label"));
});

// No refresh while nobody looks, while paused, or where it would take away what the reader is at: text that is being
// selected, and what the keyboard has reached.
function isBusy(part) {
  return !getSelection().isCollapsed || Boolean(part.querySelector(":focus-visible"));
}

const NO_ANSWER = "No answer";
let answered = true;  // to the latest refresh

function howItGoes() {
  return answered ? "Live" : NO_ANSWER;
}

function isPaused() {
  return document.hidden || document.body.hasAttribute("data-paused");
}

function sayHowItGoes(part) {
  if (!isPaused()) sayLive(isBusy(part) ? "Waits for you" : howItGoes());
}

document.addEventListener("htmx:beforeRequest", (event) => {
  sayHowItGoes(event.detail.elt);
  if (isPaused() || isBusy(event.detail.elt)) event.preventDefault();
});

// While the server is away, or answers that it can't, nothing new shows: that is not to be taken for a quiet hour.
document.addEventListener("htmx:afterRequest", (event) => {
  answered = event.detail.successful;
  sayHowItGoes(event.detail.elt);
});

// What was asked for before the keyboard came, too, is left for the next time.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (isBusy(event.detail.target)) event.detail.shouldSwap = false;
});

// A browser that translates the page leaves alone what is no sentence of ours: names, ids, code, what was sent.
const AS_IT_IS = "code, pre, .mono, bdi, .whoami b, .live, [data-copy], [data-pause]";

function keepAsItIs(root) {
  for (const element of root.querySelectorAll(AS_IT_IS)) element.translate = false;
}

function enhance(root) {
  keepAsItIs(root);
  takeLocalMoments(root);
  showLocalTimes(root);
  showZones(root);
  showCopyButtons(root);
  for (const element of root.querySelectorAll("[data-needs-script]")) element.hidden = false;
}

// What was made is shown this once, on the answer to the form: asked for again, the page is the list, and nothing is
// made a second time.
function leaveAnswer() {
  const shown = document.querySelector("[data-once]");
  if (shown) history.replaceState(null, "", shown.dataset.once);
}

document.addEventListener("DOMContentLoaded", () => {
  enhance(document);
  leaveAnswer();
});
document.addEventListener("htmx:afterSettle", (event) => enhance(event.detail.elt.parentElement ?? document));
