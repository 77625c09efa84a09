"""The look of `report.html`: system fonts, light and dark by the reader's own preference."""

STYLE = """
:root { color-scheme: light dark;
  --page: #f6f7f9; --card: #ffffff; --edge: #e3e6eb; --ink: #1a1d23; --muted: #626a78;
  --grid: #eceef2; --red: #b3261e; --amber: #8a5a00; --green: #1b6e3c;
  --red-tint: #fdebe9; --amber-tint: #fdf2d9; --green-tint: #e4f5ea;
  --series-1: #2563c9; --series-2: #c2500a; --series-3: #1f7a4d; --series-4: #8b3fb0;
  --series-5: #b32456; --series-6: #0b7285; --series-7: #8a6d00; --series-8: #5a5f6b; }
@media (prefers-color-scheme: dark) { :root {
  --page: #111318; --card: #191c23; --edge: #2a2f3a; --ink: #e8eaee; --muted: #9aa3b2;
  --grid: #262b35; --red: #ff8a80; --amber: #f2c057; --green: #6fd394;
  --red-tint: #3a1a19; --amber-tint: #362a10; --green-tint: #14301f;
  --series-1: #6ea8fe; --series-2: #ff9e5e; --series-3: #5fcf93; --series-4: #cf8df0;
  --series-5: #ff7fa5; --series-6: #4fc3d9; --series-7: #dcbf4a; --series-8: #a7adba; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 1080px; margin: 0 auto; padding: 32px 20px 56px; }
h1 { font-size: 26px; line-height: 1.25; margin: 0 0 16px; overflow-wrap: anywhere; }
h2 { font-size: 13px; font-weight: 600; letter-spacing: .06em; text-transform: uppercase;
  color: var(--muted); margin: 36px 0 12px; }
p { margin: 0; color: var(--muted); }
dl, dd, figure { margin: 0; }
dt { color: var(--muted); font-size: 13px; }
.card, .facts, .tiles > div { background: var(--card); border: 1px solid var(--edge);
  border-radius: 10px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(140px, 1fr)); gap: 12px; }
.tiles > div { padding: 12px 16px; }
.tiles dd { font-size: 22px; font-weight: 600; font-variant-numeric: tabular-nums; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(280px, 1fr));
  gap: 4px 32px; padding: 14px 18px; }
.facts > div { display: flex; gap: 12px; justify-content: space-between; }
.facts dd { text-align: right; overflow-wrap: anywhere; }
section > .card + .card { margin-top: 12px; }
.card:has(> table) { padding: 6px 18px 10px; overflow-x: auto; }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; font-weight: 600; padding: 8px 0; }
th, td { text-align: right; padding: 6px 0 6px 20px; border-bottom: 1px solid var(--edge);
  white-space: nowrap; }
th { font-size: 13px; font-weight: 500; color: var(--muted); }
th:first-child, td:first-child { text-align: left; padding-left: 0; }
.groups td, .groups th { white-space: normal; }
tbody tr:last-child td { border-bottom: 0; }
.flags { list-style: none; padding: 4px 18px; }
ul.flags { margin: 0; }
.flags li { display: flex; gap: 14px; align-items: baseline; padding: 9px 0;
  border-bottom: 1px solid var(--edge); }
.flags li:last-child { border-bottom: 0; }
.flags b { display: inline-block; margin-right: 6px; }
.flags b::first-letter { text-transform: uppercase; }
.flag { flex: 0 0 58px; text-align: center; font-size: 12px; font-weight: 600;
  border-radius: 999px; padding: 1px 0; }
.flag.red { color: var(--red); background: var(--red-tint); }
.flag.amber { color: var(--amber); background: var(--amber-tint); }
.flag.green { color: var(--green); background: var(--green-tint); }
.when { flex: 0 0 72px; color: var(--muted); font-size: 13px; }
.curves { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(440px, 100%), 1fr));
  gap: 14px; }
.curves figure { padding: 10px 12px 6px; }
.chart { display: block; width: 100%; height: auto; }
summary { cursor: pointer; color: var(--muted); }
details[open] summary { margin-bottom: 12px; }
@media print { body { background: #fff; } .card { break-inside: avoid; } }
"""
