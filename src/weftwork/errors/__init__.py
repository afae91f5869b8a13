"""Every error that Weftwork raises on purpose, in one tree.

::

    WeftError                      code, sentence, value, hint
    ├── BadInput                   what was given cannot be used
    │   ├── BadRecord              a record of the thread is malformed
    │   ├── BadSignature           a signature does not match its signer
    │   ├── BadUnit                amounts or ids of unlike units met
    │   ├── BadConfig              a setting is missing or wrong
    │   ├── BadJson                a body is not the JSON that was expected
    │   ├── BadHttp                a request breaks HTTP's own rules
    │   ├── BadParameter           one field of an API call is missing, unknown or wrong
    │   ├── BadScenario            a scenario of the lab is malformed
    │   └── BadCase                a conformance file is malformed at a named place
    ├── Refused                    understood, and not done
    │   ├── Unpaid                 the work is not covered by a voucher: Overdrawn
    │   ├── NotSupported           an engine cannot do what is asked
    │   ├── BadKey                 an API key is missing, unknown or revoked
    │   ├── CapReached             an API key has spent what it may spend
    │   ├── BadAnswer              a miner's answer or receipt does not prove what it says
    │   ├── Replayed               this message was seen before
    │   ├── Exploitable            parameters that let one participant take what is others'
    │   ├── PriceExceeded          a price is over the maximum that the buyer named
    │   ├── DeadlinePassed         the call came after its own deadline
    │   ├── SubnetFull             every place is taken by a neuron that cannot be pruned
    │   ├── ForeignHost            the request names a host that is not served here
    │   ├── ForeignOrigin          a web page that is not listed tried to act
    │   ├── PrivateAddress         an endpoint points at a private address
    │   ├── Redirected             an endpoint answered with a redirect
    │   ├── MethodNotAllowed       the path exists, and not for this method
    │   └── LimitExceeded          a limit was reached: TooLarge (HeadTooLarge), TooSlow, Busy
    ├── NotFound                   nothing of that name or id is known here
    │   ├── NetworkNotFound        no network was raised on this ledger, or not at that address
    │   ├── EpochNotFound          that epoch has not ended, or was not sealed or closed
    │   └── UnknownModel           no miner on this gateway serves that model
    ├── Unavailable                a part of the network cannot be reached now
    │   ├── NoMiner                no miner that serves the model can be reached
    │   ├── EngineFailed           the model's engine broke on this call
    │   ├── Unreachable            no connection to a peer, or it was lost
    │   ├── TimedOut               a peer did not answer in time
    │   ├── BadReply               a peer answered something that is no answer
    │   └── ExtraMissing           an optional part of the package is not installed
    ├── LedgerError                the ledger refused, reverted or is broken
    │   ├── RpcError               a JSON-RPC error: Reverted, or TransactionRejected
    │   │                          (NonceTooLow, InsufficientFunds)
    │   ├── LedgerUnavailable      the node cannot be reached
    │   ├── LedgerInUse            another process has this ledger open
    │   ├── LedgerCorrupt          the file is no ledger, or damaged
    │   └── ArtifactMissing        no compiled contract of that name
    ├── StoreError                 the record store is broken
    └── VerifyError                a recomputation differs from what was recorded
        └── ClosingDiffers         a closing, field by field, is not what the ledger's data gives

Each leaf has a stable ``code`` (dotted, lower case) that programs may match, a sentence for people, the
offending ``value`` and a ``hint`` that names the next step.
"""

from __future__ import annotations

from weftwork.errors.absence import BadReply as BadReply
from weftwork.errors.absence import EngineFailed as EngineFailed
from weftwork.errors.absence import EpochNotFound as EpochNotFound
from weftwork.errors.absence import ExtraMissing as ExtraMissing
from weftwork.errors.absence import NetworkNotFound as NetworkNotFound
from weftwork.errors.absence import NoMiner as NoMiner
from weftwork.errors.absence import TimedOut as TimedOut
from weftwork.errors.absence import UnknownModel as UnknownModel
from weftwork.errors.absence import Unreachable as Unreachable
from weftwork.errors.input import BadCase as BadCase
from weftwork.errors.input import BadConfig as BadConfig
from weftwork.errors.input import BadHttp as BadHttp
from weftwork.errors.input import BadIntent as BadIntent
from weftwork.errors.input import BadJson as BadJson
from weftwork.errors.input import BadParameter as BadParameter
from weftwork.errors.input import BadRecord as BadRecord
from weftwork.errors.input import BadScenario as BadScenario
from weftwork.errors.input import BadSignature as BadSignature
from weftwork.errors.input import BadUnit as BadUnit
from weftwork.errors.ledger import ArtifactMissing as ArtifactMissing
from weftwork.errors.ledger import ClosingDiffers as ClosingDiffers
from weftwork.errors.ledger import InsufficientFunds as InsufficientFunds
from weftwork.errors.ledger import LedgerCorrupt as LedgerCorrupt
from weftwork.errors.ledger import LedgerInUse as LedgerInUse
from weftwork.errors.ledger import LedgerUnavailable as LedgerUnavailable
from weftwork.errors.ledger import NonceTooLow as NonceTooLow
from weftwork.errors.ledger import Reverted as Reverted
from weftwork.errors.ledger import RpcError as RpcError
from weftwork.errors.ledger import TransactionRejected as TransactionRejected
from weftwork.errors.refusal import BadAnswer as BadAnswer
from weftwork.errors.refusal import BadKey as BadKey
from weftwork.errors.refusal import Busy as Busy
from weftwork.errors.refusal import CapReached as CapReached
from weftwork.errors.refusal import DeadlinePassed as DeadlinePassed
from weftwork.errors.refusal import Exploitable as Exploitable
from weftwork.errors.refusal import ForeignHost as ForeignHost
from weftwork.errors.refusal import ForeignOrigin as ForeignOrigin
from weftwork.errors.refusal import HeadTooLarge as HeadTooLarge
from weftwork.errors.refusal import LimitExceeded as LimitExceeded
from weftwork.errors.refusal import MethodNotAllowed as MethodNotAllowed
from weftwork.errors.refusal import NotSupported as NotSupported
from weftwork.errors.refusal import Overdrawn as Overdrawn
from weftwork.errors.refusal import PriceExceeded as PriceExceeded
from weftwork.errors.refusal import PrivateAddress as PrivateAddress
from weftwork.errors.refusal import Redirected as Redirected
from weftwork.errors.refusal import Replayed as Replayed
from weftwork.errors.refusal import SubnetFull as SubnetFull
from weftwork.errors.refusal import TooLarge as TooLarge
from weftwork.errors.refusal import TooSlow as TooSlow
from weftwork.errors.refusal import Unpaid as Unpaid
from weftwork.errors.tree import BadInput as BadInput
from weftwork.errors.tree import LedgerError as LedgerError
from weftwork.errors.tree import NotFound as NotFound
from weftwork.errors.tree import Refused as Refused
from weftwork.errors.tree import StoreError as StoreError
from weftwork.errors.tree import Unavailable as Unavailable
from weftwork.errors.tree import VerifyError as VerifyError
from weftwork.errors.tree import WeftError as WeftError
