"""How a report looks: on a bright screen, on a dark one, and on paper."""

STYLE = """
:root { color-scheme: light dark;
  --paper: #ffffff; --raised: #f6f7f8; --line: #dfe2e6; --ink: #1c1f23; --quiet: #626970;
  --a: #9a4a00; --a-row: #fbebdd; --a-word: #f3c9a2; --b: #0b57a4; --b-row: #e1eefb; --b-word: #b5d5f6; }
@media (prefers-color-scheme: dark) { :root {
  --paper: #1b1d21; --raised: #24272c; --line: #363a41; --ink: #e7e9ec; --quiet: #a0a6ae;
  --a: #f0a25a; --a-row: #3a2a1c; --a-word: #6b4420; --b: #6cb2f2; --b-row: #1b2f45; --b-word: #1f4e7d; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 13px/1.5 system-ui, "Segoe UI", sans-serif;
  font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
main, header, footer { max-width: 1120px; margin: 0 auto; padding: 0 24px; }
h1 { font-size: 20px; font-weight: 600; margin: 32px 0 16px; }
h2 { font-size: 15px; font-weight: 600; margin: 0; }
h3 { font-size: 13px; font-weight: 600; margin: 16px 0 8px; }
section { margin: 32px 0; }
.head { display: flex; gap: 12px; align-items: baseline; flex-wrap: wrap; padding-bottom: 8px;
  border-bottom: 1px solid var(--line); margin-bottom: 8px; }
.quiet, .counts, .note, caption { color: var(--quiet); }
.counts { font-size: 13px; } .note { font-size: 12px; }
.sides { display: grid; grid-template-columns: 1fr 1fr; border: 1px solid var(--line); border-radius: 8px;
  overflow: hidden; }
.side { padding: 16px; } .side + .side { border-left: 1px solid var(--line); }
.side.a { border-top: 3px solid var(--a); } .side.b { border-top: 3px solid var(--b); }
.side .name { font-size: 15px; font-weight: 600; } .side .mark { margin-right: 8px; }
.a .mark, .of-a { color: var(--a); } .b .mark, .of-b { color: var(--b); }
.facts { color: var(--quiet); margin-top: 4px; } .relation { margin: 12px 0 0; color: var(--quiet); }
code, .mono { font: 12px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; }
ul.verdict { list-style: none; margin: 16px 0; padding: 0; }
ul.verdict { display: flex; flex-wrap: wrap; gap: 4px 24px; }
ul.verdict li { padding: 2px 0; } ul.verdict li.w2 { font-size: 15px; font-weight: 600; flex-basis: 100%; }
ul.verdict li.w0 { color: var(--quiet); }
ul.verdict a { color: inherit; text-decoration: none; border-bottom: 1px solid var(--line); }
ul.verdict a:hover { border-color: currentColor; }
nav { display: flex; flex-wrap: wrap; gap: 4px 16px; padding: 12px 0; }
nav a { color: var(--ink); text-decoration: none; } nav b { font-weight: 400; color: var(--quiet); }
table { border-collapse: collapse; width: 100%; table-layout: auto; }
th, td { text-align: left; vertical-align: top; padding: 4px 12px 4px 0; border-bottom: 1px solid var(--line); }
th { font-size: 11px; font-weight: 600; color: var(--quiet); white-space: nowrap; }
td.n, th.n { text-align: right; white-space: nowrap; }
td.key { width: 26%; } td.val { width: 18%; } td.val + td.val + td { white-space: nowrap; }
tr.group th { padding-top: 12px; color: var(--ink); font-size: 12px; }
td.val.a { color: var(--a); } td.val.b { color: var(--b); } td.gone { color: var(--quiet); }
td .note { display: block; }
.sign { display: inline-block; width: 16px; color: var(--quiet); }
.tag { font-size: 11px; color: var(--quiet); border: 1px solid var(--line); border-radius: 4px; padding: 0 4px;
  margin-left: 8px; white-space: nowrap; }
svg.bar { vertical-align: middle; margin-right: 8px; } svg { overflow: visible; }
details > summary { cursor: pointer; } pre { white-space: pre-wrap; margin: 4px 0; }
.pair { display: grid; grid-template-columns: 1fr 1fr; border: 1px solid var(--line); border-radius: 8px;
  margin: 8px 0 16px; overflow: hidden; break-inside: avoid-page; }
.pair > .ask { grid-column: 1 / 3; background: var(--raised); padding: 8px 12px; border-bottom: 1px solid var(--line); }
.pair > .text { padding: 8px 12px; } .pair > .text + .text { border-left: 1px solid var(--line); }
.text pre { font: inherit; }
mark { color: inherit; border-radius: 2px; }
.a mark { background: var(--a-word); box-shadow: 0 1px 0 var(--a); }
.b mark { background: var(--b-word); box-shadow: 0 1px 0 var(--b); }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(480px, 1fr)); gap: 24px; }
.chart text { fill: var(--quiet); font-size: 11px; } .chart .axis { stroke: var(--line); }
.chart .left { stroke: var(--a); } .chart .right { stroke: var(--b); stroke-dasharray: 5 3; }
.chart .left, .chart .right { fill: none; stroke-width: 1.5; }
table.heat { width: auto; border-spacing: 2px; border-collapse: separate; }
table.heat td { width: 44px; min-width: 44px; height: 22px; padding: 0; text-align: center; border: 0;
  font-size: 11px; }
table.heat th { border: 0; padding: 0 6px; font-weight: 400; text-align: center; }
table.heat th.line { text-align: right; }
table.heat td.sym { color: var(--quiet); background: var(--raised); }
.ramp { display: inline-block; width: 160px; height: 10px; vertical-align: middle; margin: 0 8px; }
footer { border-top: 1px solid var(--line); margin-top: 48px; padding-top: 12px; padding-bottom: 32px;
  color: var(--quiet); font-size: 11px; }
@media (max-width: 720px) { .charts { grid-template-columns: 1fr; } }
@page { margin: 16mm 14mm; }
@media print { :root { color-scheme: light;
    --paper: #ffffff; --raised: #f6f7f8; --line: #cfd3d8; --ink: #000000; --quiet: #50565c;
    --a: #9a4a00; --a-row: #fbebdd; --a-word: #f3c9a2; --b: #0b57a4; --b-row: #e1eefb; --b-word: #b5d5f6; }
  body { font-size: 10pt; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main, header, footer { max-width: none; padding: 0; } nav { display: none; }
  tr, .pair, .chart { break-inside: avoid; } h2 { break-after: avoid; } }
"""
