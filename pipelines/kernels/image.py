"""What a Kaggle kernel runs on: the distributions of the image, its accelerators, and the limits of a session."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib import metadata

from pipelines.stops import UsageError

# Of the image of May 2026 on which Kaggle's of August is built.
VERSIONS = {"python": "3.12", "torch": "2.10", "numpy": "2.0", "pandas": "2.2", "scikit-learn": "1.6", "timm": "1.0.26"}
# The names in Colab's list of June 2026; its GPU-only libraries left out.
COLAB = """
absl-py accelerate access affine aiofiles aiohappyeyeballs aiohttp aiosignal aiosqlite alabaster albucore
albumentations ale-py alembic altair annotated-doc annotated-types antlr4-python3-runtime anyio anywidget apsw
apswutils argon2-cffi argon2-cffi-bindings array-record arrow arviz astropy astropy-iers-data astunparse atpublic
attrs audioread authlib autograd babel backcall beartype beautifulsoup4 betterproto bigframes bigquery-magics bleach
blinker blis blobfile blosc2 bokeh bottleneck bqplot branca brotli cachecontrol cachetools catalogue certifi cffi
chardet charset-normalizer clarabel click cligj cloudpathlib cloudpickle cmake cmdstanpy colorcet colorlover community
confection cons contourpy cramjam cryptography cufflinks cvxopt cvxpy cycler cyipopt cymem cython dask
dataproc-spark-connect datasets db-dtypes dbus-python debugpy decorator defusedxml deprecation diffusers dill
distributed distro dlib dm-tree docstring-parser docutils dopamine-rl duckdb earthengine-api easydict editdistance
eerepr einops en-core-web-sm entrypoints esda et-xmlfile etils etuples farama-notifications fastai fastapi fastcore
fastdownload fastjsonschema fastlite fastprogress fasttransform ffmpy filelock firebase-admin flask flatbuffers flax
folium fonttools fqdn frozendict frozenlist fsspec future gast gcsfs gdal gdown geemap geocoder geographiclib
geopandas geopy giddy gin-config gitdb gitpython glob2 google google-adk google-ai-generativelanguage google-api-core
google-api-python-client google-auth google-auth-httplib2 google-auth-oauthlib google-cloud-aiplatform
google-cloud-bigquery google-cloud-bigquery-storage google-cloud-core google-cloud-storage google-cloud-translate
google-colab google-crc32c google-genai google-generativeai google-pasta google-resumable-media
googleapis-common-protos gradio gradio-client grain graphviz greenlet groovy grpcio grpcio-status gspread
gspread-dataframe gym gym-notices gymnasium h11 h2 h5netcdf h5py hdbscan hf-xet highspy holidays holoviews hpack
html5lib httpcore httpimport httplib2 httptools httpx httpx-sse huggingface-hub humanize hyperframe hyperopt
ibis-framework idna imageio imageio-ffmpeg imagesize imbalanced-learn immutabledict importlib-metadata
importlib-resources imutils inequality inflect iniconfig intel-openmp ipyevents ipyfilechooser ipykernel ipyleaflet
ipyparallel ipython ipython-genutils ipython-sql ipywidgets isoduration itsdangerous jaraco-classes jaraco-context
jaraco-functools jax jaxlib jeepney jieba jinja2 jiter joblib joserfc jsonpatch jsonpickle jsonpointer jsonschema
jsonschema-specifications jupyter-client jupyter-console jupyter-core jupyter-events jupyter-kernel-gateway
jupyter-leaflet jupyter-server jupyter-server-terminals jupyterlab-pygments jupyterlab-widgets jupytext kaggle
kagglehub kagglesdk keras keras-hub keras-nlp keyring kiwisolver langchain langchain-core langgraph langsmith lark
launchpadlib lazy-loader libclang libpysal librosa lightgbm linkify-it-py llvmlite locket logical-unification lxml
mako mapclassify markdown markdown-it-py markupsafe matplotlib matplotlib-inline matplotlib-venn mcp mdit-py-plugins
mdurl mgwr minikanren missingno mistune mizani mkl ml-dtypes mlxtend mmh3 momepy more-itertools moviepy mpmath msgpack
multidict multipledispatch multiprocess multitasking murmurhash music21 namex narwhals natsort nbclassic nbclient
nbconvert nbformat ndindex nest-asyncio networkx nh3 nibabel nltk notebook notebook-shim numba numexpr numpy
nvidia-ml-py nvtx oauth2client oauthlib omegaconf openai opencv-contrib-python opencv-python opencv-python-headless
openpyxl opentelemetry-api opentelemetry-exporter-otlp-proto-common opentelemetry-exporter-otlp-proto-http
opentelemetry-proto opentelemetry-sdk opentelemetry-semantic-conventions opt-einsum optax optree orbax-checkpoint
orjson ormsgpack osqp overrides packaging pandas pandas-datareader pandas-gbq pandas-stubs pandocfilters panel param
parso parsy partd patsy peewee peft pexpect pickleshare pillow pip platformdirs plotly plotnine pluggy plum-dispatch
pointpats polars polars-runtime-32 pooch portpicker preshed prettytable proglog progressbar2 prometheus-client promise
prompt-toolkit propcache prophet proto-plus protobuf psutil psycopg2 psygnal ptyprocess pulp py-cpuinfo py4j pyarrow
pyasn1 pyasn1-modules pycairo pycocotools pycparser pycryptodomex pydantic pydantic-core pydantic-settings pydot
pydotplus pydrive2 pydub pyerfa pygame pygit2 pygments pygobject pyiceberg pyjwt pymc pynndescent pyogrio pyomo
pyopengl pyopenssl pyparsing pyperclip pyproj pyroaring pysal pyshp pysocks pyspark pytensor pytest python-apt
python-box python-dateutil python-dotenv python-json-logger python-louvain python-multipart python-slugify
python-snappy python-utils pytz pyviz-comms pywavelets pyyaml pyzmq quantecon rasterio rasterstats ratelim referencing
regex requests requests-oauthlib requests-toolbelt requirements-parser rfc3339-validator rfc3986-validator rich
roman-numerals rpds-py rpy2 rsa rtree ruff safehttpx safetensors scikit-image scikit-learn scipy scooby scs seaborn
secretstorage segregation semantic-version send2trash sentence-transformers sentencepiece sentry-sdk setuptools shap
shapely shellingham simple-parsing simplejson simsimd six sklearn-compat sklearn-pandas slicer smart-open smmap
sniffio snowballstemmer sortedcontainers soundfile soupsieve soxr spacy spacy-legacy spacy-loggers spaghetti spglm
sphinx spint splot spopt spreg sqlalchemy sqlglot sqlparse srsly sse-starlette stanio starlette statsmodels strictyaml
stringzilla stumpy sympy tables tabulate tbb tblib tenacity tensorboard tensorboard-data-server tensorflow
tensorflow-datasets tensorflow-hub tensorflow-metadata tensorflow-probability tensorflow-text tensorstore termcolor
terminado text-unidecode textblob tf-keras tf-slim thinc threadpoolctl tifffile tiktoken timm tinycss2 tobler
tokenizers toml tomlkit toolz torch torchao torchaudio torchcodec torchdata torchsummary torchtune torchvision tornado
tqdm traitlets traittypes transformers treelite treescope triton tsfresh tweepy typeguard typer types-pytz
types-setuptools typing-extensions typing-inspection tzdata tzlocal uc-micro-py umap-learn uri-template uritemplate
urllib3 uvicorn uvloop vega-datasets wadllib wandb wasabi watchdog watchfiles wcwidth weasel webcolors webencodings
websocket-client websockets werkzeug wheel widgetsnbextension wordcloud wrapt xarray xarray-einstats xgboost xlrd
xxhash xyzservices yarl ydf yellowbrick yfinance zict zipp zstandard
"""
# What Kaggle adds, with what that brings.
ADDED = """
catboost kornia kornia-rs lightning-utilities optuna papermill pytorch-lightning ray torchmetrics colorlog
"""
SAME = {"xgboost-cpu": "xgboost"}  # a distribution whose modules another one has too


@dataclass(frozen=True)
class Machine:
    """What a session may run on, by Kaggle's name for it."""

    shape: str  # machine_shape in kernel-metadata.json
    words: str
    gpu: bool
    memory: float  # GB
    hours: float = 12.0  # of a session; code competitions set limits of their own, most of them CODE_HOURS


CODE_HOURS = 9.0
MACHINES = {
    "t4": Machine("NvidiaTeslaT4", "GPU T4 x2", True, 29),
    "none": Machine("None", "CPU, 4 cores", False, 30),
    "l4": Machine("NvidiaL4", "GPU L4 x4, in some competitions only", True, 29),
    "h100": Machine("NvidiaH100", "GPU H100, in some competitions only", True, 29),
}


def find_machine(text: str) -> Machine:
    """The machine that --accelerator means, by a short name or by Kaggle's own."""
    short = {machine.shape.lower(): machine for machine in MACHINES.values()} | {"cpu": MACHINES["none"], **MACHINES}
    found = short.get(text.lower())
    if found is None:
        hint = "; its torch no longer runs on a P100" if "p100" in text.lower() else ""
        raise UsageError(
            f"--accelerator: expected one of {', '.join(MACHINES)} (or Kaggle's names, "
            f"{', '.join(machine.shape for machine in MACHINES.values())}), got {text!r}{hint}"
        )
    return found


def plain(name: str) -> str:
    """A distribution's name as indexes compare them."""
    return re.sub(r"[-_.]+", "-", name).lower()


def in_image(name: str) -> bool:
    """Whether the image holds a distribution, in whatever version."""
    return SAME.get(plain(name), plain(name)) in KNOWN


KNOWN = frozenset(COLAB.split()) | frozenset(ADDED.split())


def runs_like_image(name: str) -> bool:
    """Whether a distribution is installed here in the image's version, but for its last part."""
    return metadata.version(name).split(".")[:2] == VERSIONS[name].split(".")[:2]
