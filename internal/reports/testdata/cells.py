# Prints the cells of workbooks as openpyxl reads them: one JSON list a cell of
# file, sheet, row, column, type and value. A warning is an error.
import datetime, json, sys, warnings
from openpyxl import load_workbook
from openpyxl.utils.datetime import to_excel
from openpyxl.utils.escape import unescape

warnings.simplefilter("error")
for path in sys.argv[1:]:
    book = load_workbook(path)
    for sheet in book.worksheets:
        for line in sheet.iter_rows():
            for cell in line:
                value, kind = cell.value, cell.data_type
                if value is None:
                    continue
                if kind == "d" or isinstance(value, (datetime.datetime, datetime.timedelta, datetime.time)):
                    value, kind = to_excel(value), "n"
                if isinstance(value, str):
                    value = unescape(value)  # which openpyxl does not for inline strings
                print(json.dumps([path, sheet.title, cell.row, cell.column, kind, value]))
