"""The page's one style element: system fonts, light and dark, no picture and no script."""

CSS = """
:root{color-scheme:light dark;--paper:#fff;--ground:#f4f5f7;--ink:#1b2330;--soft:#5d6878;--line:#e3e6eb;
--good:#11734b;--good-bg:#e3f4ec;--look:#8a5a00;--look-bg:#fdf1d8;--stop:#b3261e;--stop-bg:#fce8e6;--mark:#2f5fb3}
@media(prefers-color-scheme:dark){:root{--paper:#171c24;--ground:#0f1319;--ink:#e6e9ee;--soft:#9aa5b4;--line:#2b323d;
--good:#63d3a0;--good-bg:#12362a;--look:#f0bf63;--look-bg:#3a2c0d;--stop:#ff8a80;--stop-bg:#43201e;--mark:#86aef2}}
*{box-sizing:border-box}
body{margin:0;background:var(--ground);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif}
main{max-width:1080px;margin:0 auto;padding:24px 16px 48px}
h1{font-size:15px;font-weight:600;color:var(--soft);margin:0 0 12px}
h2{font-size:18px;margin:36px 0 4px}h2+p{margin:0 0 12px;color:var(--soft)}
h3{font-size:14px;margin:20px 0 6px;color:var(--soft);font-weight:600}
.card{background:var(--paper);border:1px solid var(--line);border-radius:10px;overflow-x:auto}
.verdict{padding:20px 22px;border-left:8px solid}
.verdict .ask{color:var(--soft);margin:0}.verdict .say{font-size:21px;line-height:1.35;margin:4px 0 0;font-weight:600}
.verdict.good{border-left-color:var(--good)}.verdict.look{border-left-color:var(--look)}
.verdict.stop{border-left-color:var(--stop)}
table{border-collapse:collapse;width:100%}
th{font-weight:600;text-align:left;color:var(--soft);font-size:12.5px;white-space:nowrap}
th,td{padding:8px 12px;border-bottom:1px solid var(--line);vertical-align:top}
tr:last-child>td{border-bottom:0}
.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
.tiles{border-collapse:separate;border-spacing:12px;margin:0 -12px;width:calc(100% + 24px)}
.tiles td{background:var(--paper);border:1px solid var(--line);border-radius:10px;padding:14px 16px;width:25%}
.tiles b{display:block;font-size:20px;margin:2px 0;line-height:1.2}
.tiles small,.small{color:var(--soft);font-size:12.5px}
.light{display:inline-block;border-radius:99px;padding:1px 10px;font-size:12.5px;font-weight:600;white-space:nowrap}
.light.good{color:var(--good);background:var(--good-bg)}.light.look{color:var(--look);background:var(--look-bg)}
.light.stop{color:var(--stop);background:var(--stop-bg)}
code{font:12.5px ui-monospace,Menlo,Consolas,monospace;background:var(--ground);border-radius:4px;padding:1px 5px;
overflow-wrap:anywhere}
svg{display:block;width:100%;max-width:240px;height:44px}.line{fill:none;stroke:var(--mark);stroke-width:1.5;stroke-linejoin:round;stroke-linecap:round}
.area{fill:var(--mark);opacity:.12}.odd{fill:var(--stop);stroke:var(--paper);stroke-width:1.5}
.odd-text{color:var(--stop);font-size:12.5px;display:block;line-height:1.35}
.trends{table-layout:fixed}.trends th:first-child{width:17%}
.calendar{table-layout:fixed}.calendar th:first-child{width:25%}
.calendar .day{text-align:center;padding:8px 1px;font-variant-numeric:tabular-nums;font-size:13px;overflow:hidden}
.calendar td.day{border:2px solid var(--paper);border-radius:7px}
.calendar .whole{color:var(--good);background:var(--good-bg)}
.calendar .off{color:var(--stop);background:var(--stop-bg);font-weight:600}
.calendar tr:nth-child(odd)>td{border-bottom-width:0}.calendar tr:nth-child(even)>td{padding-top:2px}
.failing td:nth-child(2){white-space:nowrap}
.grid{table-layout:fixed}.grid th:nth-child(2){width:92px}.grid th:nth-child(3){width:96px}
.grid th:nth-child(4){width:96px}.grid th:nth-child(5){width:104px}.grid th:nth-child(6){width:150px}
.grid th:nth-child(7){width:260px}.grid td{overflow-wrap:break-word}
@media(max-width:700px){.wide{display:none}.tiles td{display:inline-block;width:calc(50% - 8px);margin:0 4px 8px}
.tiles{border-spacing:0;margin:12px -4px;width:calc(100% + 8px)}.tiles tr,.tiles tbody,.tiles{display:block}
.verdict .say{font-size:18px}th,td{padding:7px 8px}.calendar{table-layout:auto}.calendar th:first-child{width:30%}
.calendar .day{font-size:11.5px;padding:6px 0}
.grid th:nth-child(2){width:76px}.grid th:nth-child(3){width:76px}.grid th:nth-child(5){width:74px}
.grid th:nth-child(6){width:118px}.failing td:nth-child(2){white-space:normal}
.trends thead{display:none}.trends tr{display:block;border-bottom:1px solid var(--line);padding:6px 0}
.trends td{display:inline-block;width:48%;border:0;padding:4px 8px}.trends td:empty{display:none}
.trends td:first-child{display:block;width:100%;font-weight:600}}
"""
