"""What netCDF4 and xarray write as netCDF-4."""

import os

import netCDF4
import numpy as np
import xarray
from values import NUMBERS, values


def write(directory):
    found = {}
    with netCDF4.Dataset(os.path.join(directory, "netcdf4.nc"), "w") as file:
        fill(file, "netcdf4.nc", found)
    with netCDF4.Dataset(os.path.join(directory, "classic.nc"), "w", format="NETCDF4_CLASSIC") as file:
        file.createDimension("time", None)
        file.createDimension("x", 5)
        put(file, "classic.nc", found, "t", values((4, 5), "f4"), ("time", "x"))
    dataset = weather()
    dataset.to_netcdf(os.path.join(directory, "xarray.nc"), engine="netcdf4")
    encoding = {"t2m": {"zlib": True, "complevel": 5, "chunksizes": (2, 5, 5)}, "count": {"dtype": "i2", "_FillValue": -1}}
    dataset.to_netcdf(os.path.join(directory, "xarray-encoded.nc"), engine="netcdf4", encoding=encoding)
    dataset.to_netcdf(os.path.join(directory, "xarray-grouped.nc"), engine="netcdf4", group="forecast/first")
    for name, group in [("xarray.nc", ""), ("xarray-encoded.nc", ""), ("xarray-grouped.nc", "forecast/first")]:
        with netCDF4.Dataset(os.path.join(directory, name)) as file:
            # Numbers as they are stored: neither masks nor scale factors.
            file.set_auto_maskandscale(False)
            variables = (file[group] if group else file).variables
            for key, variable in variables.items():
                found[f"{name}#/{group}/{key}" if group else f"{name}#/{key}"] = variable[...]
    return found


def weather():
    """A small data set as meteorologists have them, without texts."""
    return xarray.Dataset(
        {
            "t2m": (("time", "lat", "lon"), 280 + values((4, 9, 12), "f4").clip(-3, 3), {"units": "K"}),
            "count": (("time",), np.arange(4)),
            "mask": (("lat", "lon"), values((9, 12), "?")),
        },
        coords={
            "time": np.array(["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-05"], "M8[ns]"),
            "lat": np.linspace(-40, 40, 9),
            "lon": np.linspace(0, 330, 12),
        },
        attrs={"title": "weather", "levels": [1, 2, 3]},
    )


def put(file, name, found, path, data, dimensions, **options):
    variable = file.createVariable(path, data.dtype, dimensions, **options)
    variable.set_auto_maskandscale(False)
    variable[...] = data
    found[f"{name}#/{path}"] = variable[...].astype(data.dtype)
    return variable


def fill(file, name, found):
    file.createDimension("time", None)
    file.createDimension("y", 11)
    file.createDimension("x", 7)
    numbers = [dtype for dtype in NUMBERS if not dtype.startswith("c")]
    for dtype in numbers:
        put(file, name, found, f"{dtype}", values((11, 7), dtype), ("y", "x"))
        put(file, name, found, f"{dtype}_unlimited", values((3, 11, 7), dtype), ("time", "y", "x"))
        put(file, name, found, f"{dtype}_zlib", values((3, 11, 7), dtype), ("time", "y", "x"), zlib=True, complevel=9)
        if dtype[1] != "1":
            big = np.dtype(dtype).newbyteorder(">")
            put(file, name, found, f"{dtype}_big", values((11, 7), big), ("y", "x"), endian="big")
        put(file, name, found, f"{dtype}_scalar", values((), dtype), ())
    options = {"shuffle": False, "fletcher32": True, "zlib": True, "chunksizes": (4, 3)}
    put(file, name, found, "checked", values((11, 7), "f8"), ("y", "x"), **options)
    put(file, name, found, "contiguous", values((11, 7), "f8"), ("y", "x"), contiguous=True)
    # Coordinates, fill values, and rows that nobody wrote.
    put(file, name, found, "x", np.arange(7.0), ("x",))
    filled = file.createVariable("filled", "f4", ("time", "x"), fill_value=-999.0, zlib=True)
    unfilled = file.createVariable("default_fill", "i2", ("time", "x"))
    never = file.createVariable("never", "i4", ("y", "x"), fill_value=-5)
    for variable in [filled, unfilled, never]:
        variable.set_auto_maskandscale(False)
    filled[2, 3:] = 1.5
    # As many rows as the dimension has: netCDF shows those that the file does not have.
    unfilled[2, :2] = 7
    for key, variable in [("filled", filled), ("default_fill", unfilled), ("never", never)]:
        found[f"{name}#/{key}"] = variable[...]
    deep = file.createGroup("forecast/deep")
    deep.createDimension("level", 2)
    put(deep, "", {}, "u10", values((2, 7), "f4"), ("level", "x"))
    found[f"{name}#/forecast/deep/u10"] = values((2, 7), "f4")
    weekday = file.createEnumType(np.uint8, "weekday", {"mon": 0, "tue": 1})
    days = file.createVariable("days", weekday, ("y",), fill_value=1)
    days[:] = np.arange(11, dtype="u1") % 2
    found[f"{name}#/days"] = np.arange(11, dtype="u1") % 2
