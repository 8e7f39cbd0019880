from inngest.sdk.adapters import BaseAdapter as BaseAdapter
