"""Packed and missing values by the conventions of CF, and what xarray makes of them."""

import os
import warnings

import netCDF4
import numpy as np
import xarray


def write(directory):
    warnings.simplefilter("ignore")
    found = {}
    name = "packed.nc"
    with netCDF4.Dataset(os.path.join(directory, name), "w") as file:
        file.createDimension("y", 7)
        file.createDimension("x", 6)
        for variable, (dtype, attributes) in variables().items():
            fill = attributes.pop("_FillValue", None)
            made = file.createVariable(variable, dtype, ("y", "x"), fill_value=fill, chunksizes=(3, 4), zlib=True)
            made.set_auto_maskandscale(False)
            made.setncatts(attributes)
            made[...] = stored(dtype, fill, attributes.get("missing_value"))
    with xarray.open_dataset(os.path.join(directory, name), decode_times=False) as dataset:
        for variable in dataset.data_vars:
            found[f"cf:{name}#/{variable}"] = dataset[variable].values
        # xarray reads two different values for what is missing, and writes one.
        dataset["masked_byte"].encoding.pop("missing_value")
        for version in [2, 3]:
            store = f"packed-{version}.zarr"
            dataset.to_zarr(os.path.join(directory, store), zarr_format=version, consolidated=False)
            with xarray.open_zarr(os.path.join(directory, store), consolidated=False, decode_times=False) as decoded:
                for variable in decoded.data_vars:
                    found[f"cf:{store}#/{variable}"] = decoded[variable].values
    return found


def variables():
    f4, f8 = np.float32, np.float64
    return {
        "plain": ("f4", {}),
        "short": ("i2", {"scale_factor": f8(0.01), "add_offset": f8(273.15), "_FillValue": np.int16(-32768)}),
        "single": ("i2", {"scale_factor": f4(0.1), "add_offset": f4(5.5), "_FillValue": np.int16(-1)}),
        "wide": ("i4", {"scale_factor": f4(0.1), "add_offset": f4(5.5)}),
        "scaled": ("u1", {"scale_factor": f4(0.5)}),
        "scaled_double": ("i2", {"scale_factor": f8(0.3), "missing_value": np.int16(7)}),
        "shifted": ("i2", {"add_offset": f4(10.0)}),
        "masked": ("i2", {"_FillValue": np.int16(3)}),
        "masked_byte": ("i1", {"_FillValue": np.int8(3), "missing_value": np.int8(5)}),
        "masked_long": ("i8", {"_FillValue": np.int64(3)}),
        "masked_float": ("f4", {"_FillValue": f4(1e20)}),
        "masked_double": ("f8", {"missing_value": f8(-999.0)}),
        "nan": ("f8", {"_FillValue": f8(np.nan)}),
        "unsigned": ("i1", {"_Unsigned": "true", "scale_factor": f4(2.0), "add_offset": f4(1.0), "_FillValue": np.int8(-1)}),
    }


def stored(dtype, *missing):
    dtype = np.dtype(dtype)
    values = (np.arange(42).reshape(7, 6) * 13 % 120 - (0 if dtype.kind == "u" else 40)).astype(dtype)
    for place, value in enumerate(missing):
        if value is not None:
            values[place + 1, 2:4] = value
    if dtype.kind == "f":
        values[6, 5] = np.nan
    return values
